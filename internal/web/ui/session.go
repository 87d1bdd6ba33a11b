package ui

import (
	"github.com/tokendesk/tokendesk/internal/access"
)

// Session is a launch as its pages need it: who came, and how their browser shows
// what they see. It lives in the session's row; nothing in it is a secret.
type Session struct {
	access.Caller
	School string `json:"school"`

	Locale       string   `json:"locale"`
	HighContrast bool     `json:"high_contrast,omitempty"`
	Dyslexic     bool     `json:"dyslexic,omitempty"`
	Brand        Brand    `json:"brand"`
	CanvasURL    string   `json:"canvas_url"` // institution origin, for links out of the frame
	Frames       []string `json:"frames"`     // origins that may frame the pages

	Target string `json:"target,omitempty"` // page to open first, routing only
}

// Brand is the school's four colours, raw from the launch ("" = none). Pages fit
// their contrast; nothing else of the brand is kept.
type Brand struct {
	Primary, Link, Button, ButtonText string
}
