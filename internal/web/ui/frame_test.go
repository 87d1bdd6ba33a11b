package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// The notices of one office are shown to nobody else.
func TestFrameIsOfWhoeverReads(t *testing.T) {
	s := testShell(t)
	s.Session.Door, s.Session.NoWrites = access.DoorAccount, ""
	all := cases.Nav{Waiting: 2, Queue: 3, Leaks: 4, Unmanaged: 5, SelfService: true}
	all.Credential.RefusedSince = s.Now.Add(-time.Hour)
	for name, tc := range map[string]struct {
		sponsor, reviewer bool
		notices           string
	}{
		"somebody":           {false, false, ""},
		"a sponsor":          {true, false, "standing.sponsor_waiting"},
		"a reviewer":         {false, true, "standing.leaks standing.credential_refused standing.self_service"},
		"a sponsor, reviews": {true, true, "standing.leaks standing.credential_refused standing.self_service standing.sponsor_waiting"},
	} {
		s := s
		s.Nav, s.Current = all, PageHome
		s.Nav.Sponsor, s.Nav.Reviewer = tc.sponsor, tc.reviewer
		var notices []string
		for _, b := range s.ownLasting("/") {
			notices = append(notices, b.ID)
		}
		if got := strings.Join(notices, " "); got != tc.notices {
			t.Errorf("%s reads %q, want %q", name, got, tc.notices)
		}
	}
}

// testShell is around a page of somebody in Denver.
func testShell(t *testing.T) Shell {
	t.Helper()
	s := Shell{Now: time.Date(2026, 11, 21, 21, 5, 0, 0, time.UTC), P: printer(t, "en", "America/Denver"), HasSession: true}
	s.Session.Caller = access.Caller{Name: "Maya Chen", TimeZone: "America/Denver", Launch: access.Launch{Door: access.DoorCourse, Learner: true}}
	return s
}
