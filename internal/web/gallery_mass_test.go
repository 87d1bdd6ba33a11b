package web

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	deskmassrevoke "github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// galleryMass is a mass revocation of twelve tokens in the given state.
func galleryMass(st access.MassState, c deskmassrevoke.MassCounts) deskmassrevoke.Page {
	m := deskmassrevoke.Page{Mass: access.Mass{ID: "mas_AAAAAAAAAAAAAAAAAAAAAAAAAA", Version: 1, State: st, Filter: access.MassFilter{Role: policy.Student, Vendor: "Acme", IdleDays: 90},
		By: string(dana), PlannedAt: days(-0.01), Tokens: 12, People: 9, Estimate: 40 * time.Second}, Counts: c, ByName: "Dana Ortiz",
		Roles: []deskmassrevoke.MassGroup{{Word: "student", Tokens: 12}}, Courses: []deskmassrevoke.MassGroup{{Word: "BIO 201", Tokens: 8}, {Word: "", Tokens: 4}},
		Vendors: []deskmassrevoke.MassGroup{{Word: "acme", Tokens: 12}}}
	if st != access.MassPlanned {
		m.StartedAt, m.Reason = days(-0.005), "The company reported a breach."
	}
	if st == access.MassDone {
		m.EndedAt = days(-0.001)
	}
	return m
}

func massExhibits() []exhibit {
	plan := galleryMass(access.MassPlanned, deskmassrevoke.MassCounts{Waiting: 12, Untried: 12})
	running := galleryMass(access.MassRunning, deskmassrevoke.MassCounts{Ending: 5, Gone: 6, EndedBefore: 1, Retrying: 1, Untried: 4})
	stuck := galleryMass(access.MassRunning, deskmassrevoke.MassCounts{Ending: 1, Gone: 11, Retrying: 1})
	stuck.ID = "mas_BBBBBBBBBBBBBBBBBBBBBBBBBB"
	stuck.StartedAt, stuck.ByName, stuck.By, stuck.Filter = days(-0.1), "", "operator:root", access.MassFilter{All: true}
	done := galleryMass(access.MassDone, deskmassrevoke.MassCounts{Gone: 11, EndedBefore: 1})
	done.ID = "mas_CCCCCCCCCCCCCCCCCCCCCCCCCC"
	none := galleryMass(access.MassDone, deskmassrevoke.MassCounts{EndedBefore: 12})
	none.ID = "mas_DDDDDDDDDDDDDDDDDDDDDDDDDD"
	picked := galleryMass(access.MassPlanned, deskmassrevoke.MassCounts{Waiting: 2, Untried: 2})
	picked.Filter, picked.Tokens, picked.People, picked.Missing, picked.Estimate, picked.Vendors = access.MassFilter{}, 2, 1, 1, 3*time.Hour, nil
	every := access.MassFilter{Role: policy.Faculty, Course: "42", Sponsor: "7", Vendor: "A", AI: "yes", IssuedBefore: days(-30), IdleDays: 1, Owner: "9"}
	wide := galleryMass(access.MassPlanned, deskmassrevoke.MassCounts{Waiting: 12})
	wide.Filter, wide.Estimate = every, 63*time.Minute
	wrong := &access.FormError{}
	wrong.Add("count", "mass.count", map[string]any{"Count": 12})
	wrong.Add("reason", "reason.revoke", nil)
	changed := &access.FormError{}
	changed.Add("count", "mass.changed", map[string]any{"Was": 12, "Count": 11})
	page := func(name string, in massrevoke.Input, want ...string) exhibit {
		return exhibit{name: "mass-" + name, page: massrevoke.PageMass, shell: asDana, want: want, view: func(s ui.Shell) any { return massrevoke.NewPage(s, in) }}
	}
	status := func(name string, m deskmassrevoke.Page, want ...string) exhibit {
		return exhibit{name: "mass-status-" + name, page: massrevoke.PageMassStatus, shell: asDana, want: want, view: func(s ui.Shell) any { return massrevoke.NewEnd(s, m) }}
	}
	return []exhibit{
		page("plan", massrevoke.Input{Mass: plan}, "Revoke 12 tokens?", "12 tokens of 9 people will stop.", "Type 12 to confirm", "between 40 seconds and 80 seconds", "Role: Student", "BIO 201", "Revoke tokens", "Keep tokens"),
		page("plan-wrong", massrevoke.Input{Mass: plan, Count: "11", Errors: wrong}, "There is a problem", "Type 12, the number of tokens that will stop."),
		page("plan-changed", massrevoke.Input{Mass: plan, Count: "12", Reason: "The company reported a breach.", Errors: changed}, "it was 12, and it is 11 now"),
		page("plan-picked", massrevoke.Input{Mass: picked}, "Chosen one by one", "1 of the chosen tokens is left out", "between 3 hours and 6 hours"),
		page("plan-wide", massrevoke.Input{Mass: wide}, "Made before", "Unused: for 1 day or more", "63 minutes"),
		page("running", massrevoke.Input{Mass: running}, "7 of 12 confirmed gone.", "1 retrying.", "The company reported a breach.", "CSV, 12 rows", "Export"),
		page("stuck", massrevoke.Input{Mass: stuck}, "1 is still usable", "operator:root", "Every token"),
		page("done", massrevoke.Input{Mass: done}, "11 tokens revoked. Canvas confirmed each one.", "Had ended before", "Took"),
		page("none", massrevoke.Input{Mass: none}, "None was left to revoke: each had ended before."),
		status("running", running, "7 of 12 confirmed gone."),
		status("done", done, "Show the report"),
		{name: "masses", page: massrevoke.PageMasses, shell: asDana, want: []string{"Mass revocations", "3 mass revocations", "Running", "Finished", "Still usable"},
			view: func(s ui.Shell) any { return massrevoke.NewListPage(s, []deskmassrevoke.Page{running, stuck, done}) }},
		{name: "masses-empty", page: massrevoke.PageMasses, shell: asDana, want: []string{"No mass revocation yet."}, view: func(s ui.Shell) any { return massrevoke.NewListPage(s, nil) }},
	}
}
