package requests_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
)

// What time brings to a request: not a moment before, and then the whole of it,
// once.
func TestTickOfRequests(t *testing.T) {
	t.Parallel()
	review := func(r *desktest.Rig) access.Request {
		q := r.Submitted()
		r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		return r.Request(q.ID)
	}
	claimed := func(after time.Duration) func(r *desktest.Rig) access.Request {
		return func(r *desktest.Rig) access.Request {
			r.Clock.Advance(after)
			q := review(r)
			r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Claim, access.Move{})
			return r.Request(q.ID)
		}
	}
	for name, tt := range map[string]struct {
		of func(r *desktest.Rig) access.Request
		at func(q access.Request) time.Time
		do access.Action
	}{
		"nobody endorsed it":  {(*desktest.Rig).Submitted, func(q access.Request) time.Time { return q.SponsorDue }, access.Lapse},
		"nobody collected it": {(*desktest.Rig).Approved, func(q access.Request) time.Time { return q.CollectBy }, access.Lapse},
		"an untouched draft": {func(r *desktest.Rig) access.Request {
			d, err := r.Requests.SaveDraft(r.T.Context(), r.As("maya", access.DoorCourse), "", access.Answers{"build": {"A thing of mine."}})
			if err != nil {
				r.T.Fatal(err)
			}
			return d
		}, func(q access.Request) time.Time { return q.UpdatedAt.Add(desktest.BuiltIn.Windows.Draft) }, access.Discard},
		"a claim of Monday":                           {claimed(0), func(q access.Request) time.Time { return q.Claim().At.Add(48 * time.Hour) }, access.Release},
		"a claim of Friday, over the days of no work": {claimed(4 * 24 * time.Hour), func(q access.Request) time.Time { return q.Claim().At.Add(96 * time.Hour) }, access.Release},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			q := r.Request(tt.of(r).ID)
			var ten store.Tenant
			if err := r.Desk.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				ten, err = tx.Tenant(r.Tenant)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			r.Clock.Advance(tt.at(q).Add(-time.Second).Sub(r.Clock.Now()))
			if err := r.Requests.TickRequests(t.Context(), ten); err != nil {
				t.Fatal(err)
			}
			if now := r.Request(q.ID); !reflect.DeepEqual(now, q) {
				t.Errorf("a moment before it is\n%+v, was\n%+v", now, q)
			}
			r.Clock.Advance(2 * time.Second)
			from := q
			if tt.do == access.Discard {
				from.Answers = nil // nothing of it is kept
			}
			want, _, err := access.Apply(from, tt.do, access.SystemActor, access.Move{}, r.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := r.Requests.TickRequests(t.Context(), ten); err != nil {
					t.Fatal(err)
				}
				if now := r.Request(q.ID); !reflect.DeepEqual(now, want) {
					t.Errorf("then it is\n%+v, want\n%+v", now, want)
				}
			}
			r.Proven()
		})
	}
}
