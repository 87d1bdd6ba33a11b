package ui

import (
	"fmt"
	"html/template"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// rgb is a colour of the sRGB space, each part 0 to 255.
type rgb [3]uint8

func (c rgb) String() string { return fmt.Sprintf("#%02X%02X%02X", c[0], c[1], c[2]) }

var (
	white    = rgb{0xFF, 0xFF, 0xFF}
	ink      = rgb{0x27, 0x35, 0x40} // --td-text
	quietest = rgb{0xF2, 0xF4, 0xF4} // --td-surface-quiet
)

// Contrast that must hold (WCAG 2.2, 1.4.3 and 1.4.11).
const (
	contrastText = 4.5
	contrastMark = 3.0
)

var hexColour = regexp.MustCompile(`^#([0-9A-Fa-f]{3}){1,2}$`)

// parseColour reads a colour of a theme. Anything but three or six hexadecimal
// digits is none: names, functions, and whatever else somebody put there.
func parseColour(s string) (rgb, bool) {
	if !hexColour.MatchString(s) {
		return rgb{}, false
	}
	s = s[1:]
	if len(s) == 3 {
		s = string([]byte{s[0], s[0], s[1], s[1], s[2], s[2]})
	}
	n, err := strconv.ParseUint(s, 16, 32)
	return rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}, err == nil //nolint:gosec // six hexadecimal digits
}

// luminance is the relative luminance of WCAG 2.2.
func (c rgb) luminance() float64 {
	part := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c[0]) + 0.7152*part(c[1]) + 0.0722*part(c[2])
}

// contrast is the ratio of WCAG 2.2, 1 to 21.
func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	if x < y {
		x, y = y, x
	}
	return (x + 0.05) / (y + 0.05)
}

// darken takes percent of every part away and rounds up, as Canvas's own theme
// editor does.
func (c rgb) darken(percent int) rgb {
	for i, v := range c {
		c[i] = uint8((int(v)*(100-percent) + 99) / 100) //nolint:gosec // at most v
	}
	return c
}

// fit darkens c by whole percents until it reaches the ratio against back.
// Black reaches every ratio asked for here, so it always ends.
func (c rgb) fit(back rgb, ratio float64) rgb {
	for p := range 101 {
		if d := c.darken(p); contrast(d, back) >= ratio {
			return d
		}
	}
	return rgb{}
}

// fitButton keeps a button's colour where some text is readable on it: the
// school's own, else white, else the page's ink. Otherwise the colour is
// darkened under white text.
func fitButton(fill rgb, own *rgb) (rgb, rgb) {
	if own != nil && contrast(*own, fill) >= contrastText {
		return fill, *own
	}
	if contrast(white, fill) >= contrastText {
		return fill, white
	}
	if contrast(ink, fill) >= contrastText {
		return fill, ink
	}
	return fill.fit(white, contrastText), white
}

// brandCSS is the one style block of a page: the school's colours, fitted. It
// is empty where the school has none. People who ask for more contrast get the
// page's own colours.
func brandCSS(b Brand) template.CSS {
	var out strings.Builder
	set := func(name string, c rgb) { out.WriteString("--td-" + name + ":" + c.String() + ";") }
	if c, ok := parseColour(b.Link); ok {
		l := c.fit(quietest, contrastText)
		set("link", l)
		set("link-hover", l.darken(10))
	}
	if c, ok := parseColour(b.Button); ok {
		var own *rgb
		if t, ok := parseColour(b.ButtonText); ok {
			own = &t
		}
		fill, text := fitButton(c, own)
		set("primary", fill)
		set("primary-hover", hover(fill, text))
		set("primary-text", text)
	}
	if c, ok := parseColour(b.Primary); ok {
		set("accent", c.fit(white, contrastMark))
	}
	if out.Len() == 0 {
		return ""
	}
	return template.CSS("@media not (prefers-contrast: more){:root:not([data-contrast=high]){" + out.String() + "}}") //nolint:gosec // built from parsed numbers only
}

// hover is 10 % darker, or less where the text on it would become unreadable.
func hover(fill, text rgb) rgb {
	for p := 10; p > 0; p-- {
		if d := fill.darken(p); contrast(d, text) >= contrastText {
			return d
		}
	}
	return fill
}
