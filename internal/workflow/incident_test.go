package workflow

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// openLeak opens an incident of a person as its report does, about no token.
func (r *rig) openLeak(owner access.PersonID) {
	r.t.Helper()
	i := access.Incident{ID: store.NewID("inc"), Tenant: r.tenant, Version: 1, Owner: owner, How: access.LeakByIntake, OpenedAt: r.clock.Now()}
	e := r.event(r.tenant, access.SystemID, audit.IncidentOpen, i.ID)
	e.To, e.Version = store.IncidentOpened, 1
	if err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		if err := tx.LockPerson(r.tenant, owner); err != nil {
			return err
		}
		return tx.CreateIncident(i, e, nil)
	}); err != nil {
		r.t.Fatal(err)
	}
}

// While a leak of somebody is not cleared nothing is minted for them, whenever
// in a collection it became known.
func TestNothingIsMintedWhileALeakIsOpen(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "intent committed", "listed before", "canvas answered"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			each(t, func(r *rig) {
				req := r.approved()
				caller := r.as("maya", access.DoorCourse)
				if when == "before" {
					r.openLeak(req.Requester)
				} else {
					once := false
					r.AtStep = func(at string) {
						if at == when && !once {
							once = true
							r.openLeak(req.Requester)
						}
					}
				}
				c, err := r.Collect(r.t.Context(), caller, req.Code())
				if c.Stage == StageSecret || !c.Value.IsZero() {
					r.t.Fatal("a value was shown")
				}
				if when == "before" && access.WhyOf(err) != access.WhyIncident {
					r.t.Errorf("refused with %v", err)
				}
				r.AtStep = nil
				if n := r.inCanvas("maya"); n != 0 {
					r.t.Errorf("%d tokens that nobody saw are left to the jobs", n)
				}
				r.tick(access.MintLease + 5*time.Second)
				r.tick(15 * time.Minute)
				if n := r.inCanvas("maya"); n != 0 {
					r.t.Errorf("%d tokens in Canvas", n)
				}
				if _, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), req.Code()); access.WhyOf(err) != access.WhyIncident {
					r.t.Errorf("a later press: %v", err)
				}
				if got := r.request(req.ID).State; got != access.Approved {
					r.t.Errorf("the request is %s; it waits to be collected", got)
				}
				r.proven()
			})
		})
	}
}

// "I lost it" deletes the token, but its successor waits for the clearance.
func TestNoSuccessorWhileALeakIsOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	c, _ := r.collected()
	caller := r.as("maya", access.DoorCourse)
	if _, err := r.Replace(t.Context(), caller, c.Request.Code()); err != nil {
		t.Fatal(err)
	}
	r.openLeak(c.Request.Requester)
	if _, err := r.Collect(t.Context(), caller, c.Request.Code()); access.WhyOf(err) != access.WhyIncident {
		t.Errorf("the successor: %v", err)
	}
	if n := r.inCanvas("maya"); n != 0 {
		t.Errorf("%d tokens in Canvas", n)
	}
	// Asking goes on; the collection waits.
	req, err := r.Submit(t.Context(), r.as("maya", access.DoorCourse), "", r.answers())
	if err != nil || req.State != access.AwaitingSponsor {
		t.Errorf("asking stays possible: %s, %v", req.State, err)
	}
}
