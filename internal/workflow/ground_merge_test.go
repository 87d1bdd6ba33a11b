package workflow

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestOwnerIsMerged(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, value := r.active()
		if err := r.w.MergeUsers("maya", "noor"); err != nil {
			r.t.Fatal(err)
		}
		noor := r.w.User("noor").ID.String()
		r.within(24*time.Hour, g.ID, func(g access.Grant) bool { return g.CanvasUser == noor })
		if now := r.grant(g.ID); now.State != access.Active || !r.w.Authenticates(value) {
			r.t.Fatalf("it is %s by %s", now.State, now.Cause)
		}
		// Noor, whom the tool had not met, finds it, and can end it.
		sess := r.as("noor", DoorCourse)
		h, err := r.Home(r.t.Context(), sess)
		if err != nil || len(h.Tokens) != 1 {
			r.t.Fatalf("her home: %+v, %v", h, err)
		}
		if p, err := r.Revoke(r.t.Context(), sess, g.ID, ""); err != nil || p.Grant.State != access.Revoked || r.w.Authenticates(value) {
			r.t.Errorf("revoked: %v", err)
		}
		r.proven()
	})
}

// Both were known: the two become one person, whoever launches.
func TestTwoKnownPeopleAreMerged(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, _ := r.active()
		noor := r.as("noor", DoorCourse)
		if err := r.w.MergeUsers("maya", "noor"); err != nil {
			r.t.Fatal(err)
		}
		r.within(24*time.Hour, g.ID, func(g access.Grant) bool { return g.Owner == noor.Person })
		h, err := r.Home(r.t.Context(), noor)
		if err != nil || len(h.Tokens) != 1 {
			r.t.Errorf("her home: %+v, %v", h, err)
		}
		var old store.Person
		if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
			old, err = tx.Person(r.tenant, g.Owner)
			return err
		}); err != nil || old.MergedInto != noor.Person {
			r.t.Errorf("the old person: %+v, %v", old, err)
		}
		r.proven()
	})
}

// Separation of duties after a merge: whoever is two of owner, sponsor and
// decider has nothing left to work with.
func TestMergesKeepDutiesApart(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]string{
		"the owner becomes the sponsor":   {"maya", "ana"},
		"the sponsor becomes the owner":   {"ana", "maya"},
		"the owner becomes who approved":  {"maya", "dana"},
		"who approved becomes the owner":  {"dana", "maya"},
		"the sponsor becomes who decided": {"ana", "dana"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, pair[1] == "ana", func(r *rig) {
				g, value := r.active()
				if err := r.w.MergeUsers(pair[0], pair[1]); err != nil {
					r.t.Fatal(err)
				}
				r.within(24*time.Hour, g.ID, endedBy(access.ByDuties))
				if r.w.Authenticates(value) {
					r.t.Error("the token works")
				}
				r.proven()
			})
		})
	}
}

// What waits for a decision goes back instead.
func TestMergesSendRequestsBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pair  [2]string
		state access.RequestState // when they are merged
		want  access.RequestState
	}{
		"requester and named sponsor":   {[2]string{"ana", "maya"}, access.AwaitingSponsor, access.AwaitingSponsor},
		"requester and who endorsed":    {[2]string{"ana", "maya"}, access.AwaitingReview, access.AwaitingSponsor},
		"requester and who approved":    {[2]string{"dana", "maya"}, access.Approved, access.AwaitingReview},
		"who endorsed and who approved": {[2]string{"ana", "dana"}, access.Approved, access.AwaitingReview},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, tt.state == access.Approved, func(r *rig) {
				q := r.submitted()
				if tt.state != access.AwaitingSponsor {
					r.act(r.as("ana", DoorCourse), q.Code(), access.Endorse, access.Move{})
				}
				r.as("dana", DoorAccount)
				if tt.state == access.Approved {
					r.act(r.as("dana", DoorAccount), q.Code(), access.Approve, access.Move{})
				}
				var p store.Person
				f, err := r.far(r.t.Context(), r.tenant, "")
				if err == nil {
					err = r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
						p, err = tx.PersonByCanvas(r.tenant, r.w.User(tt.pair[0]).ID.String())
						return err
					})
				}
				if err == nil {
					err = r.w.MergeUsers(tt.pair[0], tt.pair[1])
				}
				if err == nil {
					err = r.followPerson(r.t.Context(), f, p, r.w.User(tt.pair[1]).ID.String())
				}
				if err != nil {
					r.t.Fatal(err)
				}
				if now := r.request(q.ID); now.State != tt.want {
					r.t.Errorf("it is %s", now.State)
				}
				r.proven()
			})
		})
	}
}
