package web

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/home"
)

// What others ended stands open on home; only what went as its owner knew it
// would, or made it, is folded away.
func TestWhatOthersEndedStandsOpen(t *testing.T) {
	t.Parallel()
	revoked := func(by access.PersonID, why access.Cause) cases.Case {
		c := galleryCase(access.Fulfilled, access.Revoked)
		c.Grant.EndedBy, c.Grant.Cause = by, why
		return c
	}
	for name, tt := range map[string]struct {
		c    cases.Case
		open bool
	}{
		"denied":              {galleryCase(access.Denied, ""), true},
		"declined":            {galleryCase(access.SponsorDeclined, ""), true},
		"taken back":          {galleryCase(access.Rescinded, ""), true},
		"withdrawn":           {galleryCase(access.Withdrawn, ""), false},
		"timed out":           {galleryCase(access.Lapsed, ""), false},
		"expired":             {galleryCase(access.Fulfilled, access.Expired), false},
		"never activated":     {galleryCase(access.Fulfilled, access.Unclaimed), false},
		"revoked by a person": {revoked(dana, access.ByReviewer), true},
		"by its sponsor":      {revoked(ana, access.BySponsor), true},
		"revoked with others": {revoked("operator:root", access.ByMass), true},
		"without a sponsor":   {revoked("", access.ByNoSponsor), true},
		"course over":         {revoked("", access.ByCourse), true},
		"a leak, by others":   {revoked(dana, access.ByLeak), true},
		"a leak, by its own":  {revoked(maya, access.ByLeak), false},
		"its owner's own":     {revoked(maya, access.ByOwner), false},
		"its renewal":         {revoked("", access.BySuperseded), false},
		"in Canvas":           {revoked("", access.ByCanvas), false},
	} {
		p := home.NewPage(galleryShell(testCatalogue(t), "en", true), cases.Home{Ended: []cases.Case{tt.c}})
		if open, folded := len(p.ByOthers), len(p.Ended); open+folded != 1 || (open == 1) != tt.open {
			t.Errorf("%s: %d open, %d folded", name, open, folded)
		}
	}
}
