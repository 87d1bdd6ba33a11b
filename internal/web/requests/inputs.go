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

// PanelInput is what somebody typed into the sponsor's or reviewer's panel,
// for showing it again. The zero value is an empty panel.
type PanelInput struct {
	// Do is the action that was pressed; it decides the words of error sentences.
	Do access.Action
	// End is the date as typed; Reason, Conditions, Alternative and AltText are
	// the fields reason, conditions, alternative and alternative_text.
	End, Reason, Conditions, Alternative, AltText string
	Errors                                        *access.FormError
}
