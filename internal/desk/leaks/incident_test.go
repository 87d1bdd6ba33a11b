package leaks_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// While a leak of somebody is not cleared nothing is minted for them, whenever
// in a collection it became known.
func TestNothingIsMintedWhileALeakIsOpen(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "intent committed", "listed before", "canvas answered"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			desktest.Each(t, func(r *desktest.Rig) {
				req := r.Approved()
				caller := r.As("maya", access.DoorCourse)
				if when == "before" {
					r.OpenLeak(req.Requester)
				} else {
					once := false
					r.Desk.AtStep = func(at string) {
						if at == when && !once {
							once = true
							r.OpenLeak(req.Requester)
						}
					}
				}
				c, err := r.Tokens.Collect(r.T.Context(), caller, req.Code())
				if c.Stage == tokens.StageSecret || !c.Value.IsZero() {
					r.T.Fatal("a value was shown")
				}
				if when == "before" && access.WhyOf(err) != access.WhyIncident {
					r.T.Errorf("refused with %v", err)
				}
				r.Desk.AtStep = nil
				if n := r.InCanvas("maya"); n != 0 {
					r.T.Errorf("%d tokens that nobody saw are left to the jobs", n)
				}
				r.Tick(access.MintLease + 5*time.Second)
				r.Tick(15 * time.Minute)
				if n := r.InCanvas("maya"); n != 0 {
					r.T.Errorf("%d tokens in Canvas", n)
				}
				if _, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), req.Code()); access.WhyOf(err) != access.WhyIncident {
					r.T.Errorf("a later press: %v", err)
				}
				if got := r.Request(req.ID).State; got != access.Approved {
					r.T.Errorf("the request is %s; it waits to be collected", got)
				}
				r.Proven()
			})
		})
	}
}

// "I lost it" deletes the token, but its successor waits for the clearance.
func TestNoSuccessorWhileALeakIsOpen(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	c, _ := r.Collected()
	caller := r.As("maya", access.DoorCourse)
	if _, err := r.Tokens.Replace(t.Context(), caller, c.Request.Code()); err != nil {
		t.Fatal(err)
	}
	r.OpenLeak(c.Request.Requester)
	if _, err := r.Tokens.Collect(t.Context(), caller, c.Request.Code()); access.WhyOf(err) != access.WhyIncident {
		t.Errorf("the successor: %v", err)
	}
	if n := r.InCanvas("maya"); n != 0 {
		t.Errorf("%d tokens in Canvas", n)
	}
	// Asking goes on; the collection waits.
	req, err := r.Requests.Submit(t.Context(), r.As("maya", access.DoorCourse), "", r.Answers())
	if err != nil || req.State != access.AwaitingSponsor {
		t.Errorf("asking stays possible: %s, %v", req.State, err)
	}
}

// Who presses on a reviewer's page and is none is refused once, by the press: the
// page that it reads first records nothing of its own.
func TestARefusedPressIsRecordedOnce(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	inc, err := r.Leaks.Report(t.Context(), r.As("maya", access.DoorCourse), g.ID)
	r.Must(err)
	clear := func(caller access.Caller) func() error {
		return func() error {
			_, err := r.Leaks.Clear(t.Context(), caller, inc.Leak.ID, "x", r.TermsOf(inc.Leak.ID))
			return err
		}
	}
	r.Refused("in a course", access.WhyWrongDoor, access.ClearIncident, "dana", "inc1", clear(r.As("dana", access.DoorCourse)))
	r.Refused("a student", access.WhyNotReviewer, access.ClearIncident, "luca", "inc1", clear(r.As("luca", access.DoorAccount)))
}
