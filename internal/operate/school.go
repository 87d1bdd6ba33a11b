package operate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

// Limits of a school's own words.
const (
	maxRules = 12  // lines, so that the rules stay readable in the form
	maxRule  = 300 // characters
	maxWords = 100
	maxList  = 10_000
)

// defaultRules hold until the school sets its own.
var defaultRules = []string{
	"A token is as powerful as your own sign-in. Treat it like your password.",
	"Use it only for what this request says.",
	"Keep it in a password manager or in encrypted configuration. Never put it into a repository, a chat, a screenshot or a shared document.",
	"Do not give it to anybody else, and do not send other people's data to services that the school has not approved.",
	"Report a lost or leaked token at once. Nobody is punished for reporting.",
	"The school may end any token at any time.",
}

// withDefaults completes a school's words where it has set none, and checks them.
func withDefaults(s store.School, now time.Time) (store.School, error) {
	if s.CanvasTeam == "" {
		s.CanvasTeam = "Canvas team"
	}
	if s.SecurityOffice == "" {
		s.SecurityOffice = "security office"
	}
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if len(s.Rules) == 0 {
		s.Rules, s.RulesVersion, s.RulesDate = defaultRules, "1", now.UTC().Format(time.DateOnly)
	}
	return s, checkSchool(s)
}

// readSchool applies a JSON document to the present settings.
func readSchool(s store.School, document []byte) (store.School, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, usage("the settings are not a JSON object of the known fields: %s", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, usage("the settings hold something after the JSON object")
	}
	return s, checkSchool(s)
}

func checkSchool(s store.School) error {
	for field, v := range map[string]string{
		"canvas_team": s.CanvasTeam, "security_office": s.SecurityOffice, "contact": s.Contact, "rules_version": s.RulesVersion,
	} {
		if clean, err := text.Clean(v, maxWords); err != nil || clean != v {
			return usage("%s must be one line of at most %d characters", field, maxWords)
		}
	}
	if s.CanvasTeam == "" {
		return usage("canvas_team must name who decides about requests")
	}
	if s.TimeZone == "" || s.TimeZone == "Local" {
		return usage("time_zone must be a name such as America/Denver")
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		return usage("time_zone %q is not known; it must be a name such as America/Denver", s.TimeZone)
	}
	if _, err := time.Parse(time.DateOnly, s.RulesDate); s.RulesDate != "" && err != nil {
		return usage("rules_date must be a date such as 2026-09-01")
	}
	if len(s.Rules) == 0 || len(s.Rules) > maxRules {
		return usage("rules must have 1 to %d lines", maxRules)
	}
	for _, r := range s.Rules {
		if clean, err := text.Clean(r, maxRule); err != nil || clean != r || r == "" {
			return usage("each line of rules must be one line of at most %d characters", maxRule)
		}
	}
	for field, ids := range map[string][]string{
		"staff_list": s.StaffList, "supervisors": s.Supervisors, "exempt": s.Exempt, "non_academic_accounts": s.NonAcademicAccounts,
	} {
		if len(ids) > maxList {
			return usage("%s must have at most %d entries", field, maxList)
		}
		for _, id := range ids {
			if !access.CanvasID(id) {
				return usage("%s must list numeric Canvas ids, and %q is none", field, id)
			}
		}
	}
	return nil
}
