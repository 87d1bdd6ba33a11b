package notices_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/text"
)

// teacher adds one more teacher to the course of the default world.
func teacher(r *desktest.Rig, n int) string {
	key := fmt.Sprintf("teacher%d", n)
	r.W.AddUser(canvastest.User{Key: key, Name: fmt.Sprintf("Teacher %d", n)}, key, "")
	r.W.Enroll(key, "bio201", "TeacherEnrollment")
	return key
}

// choose names another sponsor for a request of Maya's.
func choose(r *desktest.Rig, id, key string) error {
	r.Unhurried()
	_, err := r.Requests.ChooseSponsor(r.T.Context(), r.As("maya", access.DoorCourse), id, r.W.User(key).ID.String())
	return err
}

// Who asks the same two people again and again is heard by each of them once, and
// the request has the sponsor whom it named last.
func TestAskingAgainSaysNothingNew(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.Helen()
		req := r.Submitted()
		for range 30 {
			for _, key := range []string{"helen", "ana"} {
				r.Must(choose(r, req.ID, key))
			}
		}
		r.Must(choose(r, req.ID, "helen"))
		if r.Request(req.ID).Sponsor != r.Person("helen").ID {
			r.T.Error("the sponsor is not who was named last")
		}
		r.Drain()
		// Sent and taken back, and sent again as another request.
		for range 12 {
			r.Unhurried()
			again := r.Submitted()
			r.Act(r.As("maya", access.DoorCourse), again.Code(), access.Withdraw, access.Move{})
			r.Drain()
		}
		if a, h := r.Subjects("ana"), r.Subjects("helen"); len(a) != 1 || len(h) != 1 {
			r.T.Errorf("Ana heard %q, Helen %q", a, h)
		}
		// What was taken back in the meantime is not told when the day is over.
		r.Tick(access.PaceWindow)
		if a, h := r.Subjects("ana"), r.Subjects("helen"); len(a) != 1 || len(h) != 1 {
			r.T.Errorf("a day later Ana heard %q, Helen %q", a, h)
		}
		r.Must(choose(r, req.ID, "ana"))
		r.Drain()
		if a := r.Subjects("ana"); len(a) != 2 {
			r.T.Errorf("named on another day Ana heard %q", a)
		}
		r.Act(r.As("maya", access.DoorCourse), req.Code(), access.Withdraw, access.Move{})
		r.Drain()
		if a := r.Subjects("ana"); len(a) != 3 || !desktest.Has(a, "withdr") {
			r.T.Errorf("that it was taken back she heard as %q", a)
		}
		r.Proven()
	})
}

// Another question to the same person on the same day waits until they have
// answered the first, or the day is over. It is told if it still stands.
func TestAnotherQuestionWaits(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	first, second := r.Submitted(), r.Submitted()
	r.Drain()
	about := func(req access.Request) (n int) {
		for _, s := range r.Subjects("ana") {
			if strings.Contains(s, req.Code()) {
				n++
			}
		}
		return n
	}
	if about(first) != 1 || about(second) != 0 {
		t.Errorf("Ana heard %q", r.Subjects("ana"))
	}
	r.Tick(access.PaceWindow)
	if about(first) != 1 || about(second) != 1 {
		t.Errorf("a day later Ana heard %q", r.Subjects("ana"))
	}
	third := r.Submitted()
	r.Drain()
	if about(third) != 1 {
		t.Errorf("on another day Ana heard %q", r.Subjects("ana"))
	}
	r.Act(r.As("ana", access.DoorCourse), third.Code(), access.Decline, access.Move{Reason: "Ask for less."})
	fourth := r.Submitted()
	r.Drain()
	if about(fourth) != 1 {
		t.Errorf("after her answer Ana heard %q", r.Subjects("ana"))
	}
}

// The owner of a token who asks two people in turn to take over is heard once by
// each; one who said no can be asked again.
func TestAskingToTakeOverAgain(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Helen()
	key := teacher(r, 1)
	g, _ := r.Working()
	_, err := r.Tokens.EndSponsorship(t.Context(), r.As("ana", access.DoorCourse), g.ID, "")
	r.Must(err)
	ask := func(key string) {
		r.Unhurried()
		_, err := r.Tokens.NameSponsor(t.Context(), r.As("maya", access.DoorCourse), g.ID, r.W.User(key).ID.String())
		r.Must(err)
	}
	for range 20 {
		ask("helen")
		ask(key)
	}
	ask("helen")
	r.Drain()
	for range 5 {
		ask(key) // whose first message came too late, and was not sent
		r.Drain()
		ask("helen")
		r.Drain()
	}
	if h, o := r.Subjects("helen"), r.Subjects(key); len(h) != 1 || len(o) != 1 {
		t.Errorf("Helen heard %q, the other %q", h, o)
	}
	r.Must(r.Tokens.TurnDown(t.Context(), r.As("helen", access.DoorCourse), g.ID))
	ask("helen")
	r.Drain()
	if h := r.Subjects("helen"); len(h) != 2 {
		t.Errorf("asked after her no Helen heard %q", h)
	}
}

// One person names so many different people a day, by requests and tokens
// together, and is told at the field when it was enough.
func TestHowManyOnePersonNames(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, _ := r.Working() // named Ana
		req := r.Submitted()
		var form *access.FormError
		tooMany := func(err error) bool {
			return errors.As(err, &form) && len(form.Fields) == 1 && form.Fields[0].Field == "sponsor" && form.Fields[0].Code == "sponsor.too_many"
		}
		named := []string{"ana"}
		for round := range 2 {
			for n := range 20 {
				key := fmt.Sprintf("teacher%d", n)
				if round == 0 {
					teacher(r, n)
				}
				switch err := choose(r, req.ID, key); {
				case slices.Contains(named, key) || len(named) < access.MaxNamed:
					if err != nil {
						r.T.Errorf("%s: %v", key, err)
					}
					named = append(named, key)
				case !tooMany(err):
					r.T.Errorf("%s, beyond what is allowed: %v", key, err)
				}
			}
		}
		r.Unhurried()
		a := r.Answers()
		a.Set("sponsor", r.W.User("teacher19").ID.String())
		if _, err := r.Requests.Submit(r.T.Context(), r.As("maya", access.DoorCourse), "", a); !tooMany(err) {
			r.T.Errorf("in another request: %v", err)
		}
		_, err := r.Tokens.EndSponsorship(r.T.Context(), r.As("ana", access.DoorCourse), g.ID, "")
		r.Must(err)
		if _, err := r.Tokens.NameSponsor(r.T.Context(), r.As("maya", access.DoorCourse), g.ID, a.Text("sponsor")); !tooMany(err) {
			r.T.Errorf("for a token: %v", err)
		}
		r.Drain()
		told := 0
		for n := range 20 {
			told += len(r.Subjects(fmt.Sprintf("teacher%d", n)))
		}
		if told != access.MaxNamed-1 {
			r.T.Errorf("%d teachers were told", told)
		}
		r.Clock.Advance(access.PaceWindow)
		r.Must(choose(r, req.ID, "teacher19"))
	})
}

// A refused page is recorded once an hour, by however many replicas and presses
// at once; a refused press always.
func TestRefusedPageIsRecordedOnceAnHour(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		cat, err := text.New()
		r.Must(err)
		replicas := []*desktest.Program{r.Program, r.Replica(r.Desk.Store, cat)}
		luca := r.As("luca", access.DoorAccount)
		refusals := func() (n int) {
			for _, e := range r.Events(audit.Refused) {
				if e.Event.Actor == string(luca.Person) {
					n++
				}
			}
			return n
		}
		open := func(times int) {
			var wg sync.WaitGroup
			for i := range times {
				wg.Go(func() {
					if _, err := replicas[i%2].Cases.Queue(r.T.Context(), luca, cases.QueueFilter{}); access.WhyOf(err) != access.WhyNotReviewer {
						r.T.Errorf("the queue: %v", err)
					}
				})
			}
			wg.Wait()
		}
		for hour := range 2 {
			open(40)
			if n := refusals(); n != hour+1 {
				r.T.Errorf("after hour %d there are %d records", hour, n)
			}
			r.Clock.Advance(access.RefusalWindow)
		}
		for range 3 {
			if err := r.Inventory.CheckNow(r.T.Context(), luca); access.WhyOf(err) != access.WhyNotReviewer {
				r.T.Errorf("a press: %v", err)
			}
		}
		if n := refusals(); n != 5 {
			r.T.Errorf("with three presses there are %d records", n)
		}
		r.Proven()
	})
}

// What needs no Canvas is decided without it, all of it together; and what the
// page knew of its person stands beside it.
func TestFormIsCheckedBeforeCanvas(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	maya := r.As("maya", access.DoorCourse)
	codes := func(a access.Answers) (out []string, calls int) {
		r.Cv.ClearRequests()
		_, err := r.Requests.Submit(t.Context(), maya, "", a)
		var form *access.FormError
		if !errors.As(err, &form) {
			t.Fatalf("it was not sent back: %v", err)
		}
		for _, f := range form.Fields {
			out = append(out, f.Code)
		}
		return out, len(r.Cv.Requests())
	}
	a := r.Answers()
	a.Set("accepted")
	if got, calls := codes(a); !slices.Equal(got, []string{"accepted.missing"}) || calls != 0 {
		t.Errorf("without the tick: %q after %d calls", got, calls)
	}
	a.Set("build", "Short")
	a.Set("purpose")
	a.Set("end", "2026-11-01")
	if got, calls := codes(a); !slices.Equal(got, []string{"purpose.missing", "build.short", "end.past", "accepted.missing"}) || calls != 0 {
		t.Errorf("with more: %q after %d calls", got, calls)
	}
	a = r.Answers()
	a.Set("accepted")
	a.Set("sponsor")
	a.Set("end", "2031-01-01")
	_, err := r.Requests.Form(t.Context(), maya, "")
	r.Must(err)
	if got, calls := codes(a); !slices.Equal(got, []string{"end.too_late", "sponsor.missing", "accepted.missing"}) || calls != 0 {
		t.Errorf("after the page was shown: %q after %d calls", got, calls)
	}
	// Nobody is named who could be asked about: neither is anybody's role.
	a = r.Answers()
	a.Set("sponsor", "")
	if got, calls := codes(a); !slices.Equal(got, []string{"sponsor.missing"}) || calls > 3 {
		t.Errorf("without a sponsor: %q after %d calls", got, calls)
	}
	r.Unhurried()
	good := r.Answers()
	first, err := r.Requests.Submit(t.Context(), maya, "", good)
	r.Must(err)
	r.Cv.ClearRequests()
	if twin, err := r.Requests.Submit(t.Context(), maya, "", good); err != nil || twin.ID != first.ID || len(r.Cv.Requests()) != 0 {
		t.Errorf("the second press: %s, %v, after %d calls", twin.Code(), err, len(r.Cv.Requests()))
	}
	for range desktest.BuiltIn.Quotas.Open - 1 {
		r.Submitted()
	}
	r.Cv.ClearRequests()
	if _, err := r.Requests.Submit(t.Context(), maya, "", r.Answers()); access.WhyOf(err) != access.WhyQuotaOpen || len(r.Cv.Requests()) != 0 {
		t.Errorf("beyond the open requests: %v after %d calls", err, len(r.Cv.Requests()))
	}
}

// A person causes so many checks of Canvas a minute. What is beyond asks nothing
// and changes nothing; what a cache knows costs nothing, others are not
// concerned, and what takes access away never waits.
func TestChecksOfOnePerson(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		g, _ := r.Working()
		r.Unhurried()
		maya := r.As("maya", access.DoorCourse)
		req := r.Submitted() // the first
		enrollments := "/users/" + r.W.User("maya").ID.String() + "/enrollments"
		wrong := r.W.User("tom").ID.String()
		try := func() error {
			_, err := r.Requests.ChooseSponsor(ctx, maya, req.ID, wrong)
			return err
		}
		for n := range access.MaxChecks - 1 {
			if err := try(); access.WhyOf(err) != "" {
				r.T.Errorf("check %d: %v", n+2, err)
			}
			_, err := r.Cases.Home(ctx, maya)
			r.Must(err)
		}
		r.Cv.ClearRequests()
		refusedBusy(r, try)
		refusedBusy(r, func() error { _, err := r.Requests.Submit(ctx, maya, "", r.Answers()); return err })
		if n := len(r.Cv.Requests()); n != 0 {
			r.T.Errorf("beyond the pace there were %d calls, %s among them", n, enrollments)
		}
		r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
		if _, err := r.Requests.Form(ctx, maya, ""); err != nil {
			r.T.Errorf("the form: %v", err)
		}
		r.Act(maya, req.Code(), access.Withdraw, access.Move{})
		if _, err := r.Tokens.Revoke(ctx, maya, g.ID, ""); err != nil || r.Grant(g.ID).State != access.Revoked {
			r.T.Errorf("revoking: %v, it is %s", err, r.Grant(g.ID).State)
		}
		r.Unhurried()
		_, err := r.Requests.Submit(ctx, maya, "", r.Answers())
		r.Must(err)
	})
}

// refusedBusy expects that a press is refused for the pace, and not recorded.
func refusedBusy(r *desktest.Rig, try func() error) {
	r.T.Helper()
	n := len(r.Events(audit.Refused))
	if err := try(); access.WhyOf(err) != access.WhyBusy || !errors.Is(err, access.ErrNotAllowed) {
		r.T.Errorf("a press beyond the pace: %v", err)
	}
	if now := len(r.Events(audit.Refused)); now != n {
		r.T.Errorf("%d records became %d", n, now)
	}
}

// Of one person's checks so many go on at once, on all replicas together.
func TestChecksAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		cat, err := text.New()
		r.Must(err)
		replicas := []*desktest.Program{r.Program, r.Replica(r.Desk.Store, cat)}
		req := r.Submitted()
		r.Unhurried()
		maya, wrong := r.As("maya", access.DoorCourse), r.W.User("tom").ID.String()
		try := func(i int) error {
			_, err := replicas[i%2].Requests.ChooseSponsor(r.T.Context(), maya, req.ID, wrong)
			return err
		}
		var calls atomic.Int32
		asked, answer := make(chan struct{}, 100), make(chan struct{})
		line := func(q *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
			if calls.Add(1) <= access.MaxChecksAtOnce {
				asked <- struct{}{}
				<-answer
			}
			return send(q)
		}
		r.Line.Store(&line)
		var wg sync.WaitGroup
		for i := range access.MaxChecksAtOnce {
			wg.Go(func() {
				if err := try(i); access.WhyOf(err) != "" {
					r.T.Errorf("one of the first: %v", err)
				}
			})
			<-asked
		}
		for i := range 2 {
			refusedBusy(r, func() error { return try(i) })
		}
		if n := calls.Load(); n != access.MaxChecksAtOnce {
			r.T.Errorf("%d calls", n)
		}
		close(answer)
		wg.Wait()
		if err := try(0); access.WhyOf(err) != "" {
			r.T.Errorf("when they were done: %v", err)
		}
	})
}

// Of drafts made at once as many stay as one person may have.
func TestDraftsAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		maya := r.As("maya", access.DoorCourse)
		for range requests.MaxDrafts - 1 {
			_, err := r.Requests.SaveDraft(r.T.Context(), maya, "", r.Answers())
			r.Must(err)
		}
		var wg sync.WaitGroup
		var made atomic.Int32
		// What was typed goes with the draft that is saved. While somebody holds it no
		// draft is done, and all come as far as they can: those that did not wait for
		// each other have counted by then.
		typed := store.SavedText{Tenant: r.Tenant, Person: maya.Person, Object: desk.NewObject, Form: desk.FormRequest, Data: []byte(`{}`), UpdatedAt: r.Clock.Now()}
		r.Must(r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error { return tx.SaveText(typed) }))
		r.Must(r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
			if err := tx.SaveText(typed); err != nil {
				return err
			}
			for range 8 {
				a := r.Answers()
				wg.Go(func() {
					switch _, err := r.Requests.SaveDraft(r.T.Context(), maya, "", a); {
					case err == nil:
						made.Add(1)
					case access.WhyOf(err) != access.WhyDrafts:
						r.T.Errorf("refused with %v", err)
					}
				})
			}
			storetest.AwaitLocked(r.T, r.Desk.Store, 8)
			return nil
		}))
		wg.Wait()
		if n := made.Load(); n != 1 {
			r.T.Errorf("%d found room for one", n)
		}
	})
}

// Requests begun and thrown away are counted for a day.
func TestRequestsBegunInADay(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	maya := r.As("maya", access.DoorCourse)
	for range access.MaxBegun {
		d, err := r.Requests.SaveDraft(t.Context(), maya, "", r.Answers())
		r.Must(err)
		r.Must(r.Requests.DiscardDraft(t.Context(), maya, d.ID))
	}
	for name, try := range map[string]func() error{
		"a draft":   func() error { _, err := r.Requests.SaveDraft(t.Context(), maya, "", r.Answers()); return err },
		"a request": func() error { _, err := r.Requests.Submit(t.Context(), maya, "", r.Answers()); return err },
	} {
		if err := try(); access.WhyOf(err) != access.WhyBegun {
			t.Errorf("%s more: %v", name, err)
		}
	}
	_, err := r.Requests.SaveDraft(t.Context(), r.As("luca", access.DoorCourse), "", r.Answers())
	r.Must(err)
	r.Clock.Advance(access.PaceWindow)
	_, err = r.Requests.SaveDraft(t.Context(), maya, "", r.Answers())
	r.Must(err)
	r.Must(r.Desk.Store.InTx(t.Context(), func(tx *store.Tx) error {
		n, err := tx.PurgePaces(r.Clock.Now())
		if n < access.MaxBegun {
			t.Errorf("%d are forgotten", n)
		}
		return err
	}))
}

// An owner is told once a day by one reviewer of the same tokens and the same day
// to answer by.
func TestOwnersAreToldOnceADay(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Made("tom", "Tom's bot")
	r.Made("tom", "Tom's other bot")
	r.Checked()
	for range 5 {
		r.Tell("Tom's bot")
	}
	if got := r.Subjects("tom"); len(got) != 1 {
		t.Errorf("Tom heard %q", got)
	}
	r.Tell("Tom's bot", "Tom's other bot")
	r.Clock.Advance(access.PaceWindow)
	r.Tell("Tom's bot")
	if got := r.Subjects("tom"); len(got) != 3 {
		t.Errorf("with news Tom heard %q", got)
	}
}
