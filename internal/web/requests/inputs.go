package requests

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
)

// FormInput is what the request form shows.
type FormInput struct {
	// Form as requests.Form answered it, with Answers replaced by what was just
	// posted when the form comes back.
	Form   requests.Form
	Errors *access.FormError
	// SavedAt is when this draft was just saved; zero says nothing.
	SavedAt time.Time
	// SponsorQuery filters the list of teachers (field sponsor_q, button
	// do=find; POST /requests with it shows the form again, unchecked).
	SponsorQuery string
}

// PanelInput is what somebody typed into the sponsor's or reviewer's panel, by the
// names of its fields, for showing it again now or in the next session. The zero value
// is an empty panel.
type PanelInput struct {
	Do          access.Action     `json:"do"`            // the action that was pressed
	End         string            `json:"end,omitempty"` // the date as typed
	Reason      string            `json:"reason,omitempty"`
	Conditions  string            `json:"conditions,omitempty"`
	Alternative string            `json:"alternative,omitempty"`
	AltText     string            `json:"alternative_text,omitempty"`
	Errors      *access.FormError `json:"-"`
}
