package ui

import (
	"html/template"
)

// icons are the drawings of the pages, 16 by 16, in the colour of the text.
// Each kind of status has a shape of its own, so that colour is never needed.
var icons = map[string]template.HTML{
	"info":     `<circle cx="8" cy="8" r="6.5"/><path d="M8 7.5v4"/><circle class="td-solid" cx="8" cy="4.75" r="1"/>`,
	"check":    `<path d="M2.5 8.5l3.5 3.75L13.5 4"/>`,
	"triangle": `<path d="M8 1.75L15 14H1z"/><path d="M8 6v3.75"/><circle class="td-solid" cx="8" cy="11.9" r=".9"/>`,
	"octagon":  `<path d="M5.2 1.25h5.6l3.95 3.95v5.6l-3.95 3.95H5.2L1.25 10.8V5.2z"/><path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"/>`,
	"pause":    `<path d="M5 2.5v11M11 2.5v11" stroke-width="2.75"/>`,
	"dash":     `<path d="M2.5 8h11" stroke-width="2.5"/>`,
	"ring":     `<circle cx="8" cy="8" r="5.75"/><circle class="td-solid" cx="8" cy="8" r="2.75"/>`,
	"hollow":   `<circle cx="8" cy="8" r="5.75"/>`,
	"done":     `<circle cx="8" cy="8" r="6.5"/><path d="M4.75 8.25l2.25 2.4 4.25-5"/>`,
	"external": `<path d="M9.5 2h4.5v4.5M14 2L7.5 8.5M12 9.5V14H2V4h4.5"/>`,
	"cross":    `<path d="M3 3l10 10M13 3L3 13"/>`,
	"key":      `<circle cx="5" cy="11" r="3.25"/><path d="M7.4 8.6L14 2M11.25 4.75l2 2"/>`,
	"tray":     `<path d="M1.5 9.5h3.75l1 2h3.5l1-2h3.75M1.5 9.5L3.75 3h8.5l2.25 6.5V14h-13z"/>`,
	"hands":    `<path d="M1.5 9.5c2-2 4-2 5.5 0h3a1.5 1.5 0 010 3H6.5M1.5 13.5h7l5.5-4"/><circle cx="9" cy="4" r="2.25"/>`,
	"search":   `<circle cx="7" cy="7" r="4.75"/><path d="M10.5 10.5L14.5 14.5"/>`,
}

// iconOf is the shape that goes with a kind of status.
func iconOf(kind string) string {
	switch kind {
	case "info":
		return "info"
	case "good":
		return "check"
	case "warn":
		return "triangle"
	case "bad":
		return "octagon"
	case "held":
		return "pause"
	}
	return "dash"
}

// icon is the drawing as decoration: what it says always stands beside it in
// words. An unknown name draws nothing, and fails the tests.
func icon(name string) template.HTML {
	class := template.HTML("")
	if name == "external" { // it points somewhere, so it turns with the page
		class = ` class="td-mirror"`
	}
	return `<svg viewBox="0 0 16 16" aria-hidden="true" focusable="false"` + class + `>` + icons[name] + `</svg>`
}
