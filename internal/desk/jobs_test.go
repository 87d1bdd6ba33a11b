package desk_test

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// While a school is switched off the work that nobody asked for is done with: it
// neither fails nor leaves anything behind.
func TestWorkOfASchoolThatIsOff(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Active()
	r.SwitchOff()
	for _, kind := range []string{"ground.survey", desk.JobOwner, authority.JobRoles, inventory.JobNightly} {
		if wrote := r.Wrote(func() {
			r.Must(r.Desk.Handlers()[kind].Do(t.Context(), jobs.Job{Kind: kind, Tenant: string(r.Tenant), Data: []byte(`{}`)}))
		}); wrote != "" {
			t.Errorf("%s wrote\n%s", kind, wrote)
		}
	}
}

// A job about what is not there, or whose data is none of its kind, waits for a person.
func TestJobsAboutNothing(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	for _, kind := range []string{desk.JobEnd, desk.JobWatch, notices.JobAdopt, "found.remove", "inventory", "inventory.owners"} {
		for _, data := range []string{`{}`, `[]`} {
			if err := r.Desk.Handlers()[kind].Do(t.Context(), jobs.Job{Kind: kind, Tenant: string(r.Tenant), Data: []byte(data)}); !desktest.Permanent(err) {
				t.Errorf("%s with %s: %v", kind, data, err)
			}
		}
	}
}
