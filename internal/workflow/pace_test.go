package workflow

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
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/text"
)

// teacher adds one more teacher to the course of the default world.
func (r *rig) teacher(n int) string {
	key := fmt.Sprintf("teacher%d", n)
	r.w.AddUser(canvastest.User{Key: key, Name: fmt.Sprintf("Teacher %d", n)}, key, "")
	r.w.Enroll(key, "bio201", "TeacherEnrollment")
	return key
}

// unhurried lets the minute pass in which a person's checks of Canvas count.
func (r *rig) unhurried() { r.clock.Advance(access.CheckWindow) }

// choose names another sponsor for a request of Maya's.
func (r *rig) choose(id, key string) error {
	r.unhurried()
	_, err := r.ChooseSponsor(r.t.Context(), r.as("maya", access.DoorCourse), id, r.w.User(key).ID.String())
	return err
}

// Who asks the same two people again and again is heard by each of them once, and
// the request has the sponsor whom it named last.
func TestAskingAgainSaysNothingNew(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.helen()
		req := r.submitted()
		for range 30 {
			for _, key := range []string{"helen", "ana"} {
				r.must(r.choose(req.ID, key))
			}
		}
		r.must(r.choose(req.ID, "helen"))
		if r.request(req.ID).Sponsor != r.person("helen").ID {
			r.t.Error("the sponsor is not who was named last")
		}
		r.drain()
		// Sent and taken back, and sent again as another request.
		for range 12 {
			r.unhurried()
			again := r.submitted()
			r.act(r.as("maya", access.DoorCourse), again.Code(), access.Withdraw, access.Move{})
			r.drain()
		}
		if a, h := r.subjects("ana"), r.subjects("helen"); len(a) != 1 || len(h) != 1 {
			r.t.Errorf("Ana heard %q, Helen %q", a, h)
		}
		// What was taken back in the meantime is not told when the day is over.
		r.tick(access.PaceWindow)
		if a, h := r.subjects("ana"), r.subjects("helen"); len(a) != 1 || len(h) != 1 {
			r.t.Errorf("a day later Ana heard %q, Helen %q", a, h)
		}
		r.must(r.choose(req.ID, "ana"))
		r.drain()
		if a := r.subjects("ana"); len(a) != 2 {
			r.t.Errorf("named on another day Ana heard %q", a)
		}
		r.act(r.as("maya", access.DoorCourse), req.Code(), access.Withdraw, access.Move{})
		r.drain()
		if a := r.subjects("ana"); len(a) != 3 || !has(a, "withdr") {
			r.t.Errorf("that it was taken back she heard as %q", a)
		}
		r.proven()
	})
}

// Another question to the same person on the same day waits until they have
// answered the first, or the day is over. It is told if it still stands.
func TestAnotherQuestionWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	first, second := r.submitted(), r.submitted()
	r.drain()
	about := func(req access.Request) (n int) {
		for _, s := range r.subjects("ana") {
			if strings.Contains(s, req.Code()) {
				n++
			}
		}
		return n
	}
	if about(first) != 1 || about(second) != 0 {
		t.Errorf("Ana heard %q", r.subjects("ana"))
	}
	r.tick(access.PaceWindow)
	if about(first) != 1 || about(second) != 1 {
		t.Errorf("a day later Ana heard %q", r.subjects("ana"))
	}
	third := r.submitted()
	r.drain()
	if about(third) != 1 {
		t.Errorf("on another day Ana heard %q", r.subjects("ana"))
	}
	r.act(r.as("ana", access.DoorCourse), third.Code(), access.Decline, access.Move{Reason: "Ask for less."})
	fourth := r.submitted()
	r.drain()
	if about(fourth) != 1 {
		t.Errorf("after her answer Ana heard %q", r.subjects("ana"))
	}
}

// The owner of a token who asks two people in turn to take over is heard once by
// each; one who said no can be asked again.
func TestAskingToTakeOverAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.helen()
	key := r.teacher(1)
	g, _ := r.working()
	_, err := r.EndSponsorship(t.Context(), r.as("ana", access.DoorCourse), g.ID, "")
	r.must(err)
	ask := func(key string) {
		r.unhurried()
		_, err := r.NameSponsor(t.Context(), r.as("maya", access.DoorCourse), g.ID, r.w.User(key).ID.String())
		r.must(err)
	}
	for range 20 {
		ask("helen")
		ask(key)
	}
	ask("helen")
	r.drain()
	for range 5 {
		ask(key) // whose first message came too late, and was not sent
		r.drain()
		ask("helen")
		r.drain()
	}
	if h, o := r.subjects("helen"), r.subjects(key); len(h) != 1 || len(o) != 1 {
		t.Errorf("Helen heard %q, the other %q", h, o)
	}
	r.must(r.TurnDown(t.Context(), r.as("helen", access.DoorCourse), g.ID))
	ask("helen")
	r.drain()
	if h := r.subjects("helen"); len(h) != 2 {
		t.Errorf("asked after her no Helen heard %q", h)
	}
}

// One person names so many different people a day, by requests and tokens
// together, and is told at the field when it was enough.
func TestHowManyOnePersonNames(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, _ := r.working() // named Ana
		req := r.submitted()
		var form *access.FormError
		tooMany := func(err error) bool {
			return errors.As(err, &form) && len(form.Fields) == 1 && form.Fields[0].Field == "sponsor" && form.Fields[0].Code == "sponsor.too_many"
		}
		named := []string{"ana"}
		for round := range 2 {
			for n := range 20 {
				key := fmt.Sprintf("teacher%d", n)
				if round == 0 {
					r.teacher(n)
				}
				switch err := r.choose(req.ID, key); {
				case slices.Contains(named, key) || len(named) < access.MaxNamed:
					if err != nil {
						r.t.Errorf("%s: %v", key, err)
					}
					named = append(named, key)
				case !tooMany(err):
					r.t.Errorf("%s, beyond what is allowed: %v", key, err)
				}
			}
		}
		r.unhurried()
		a := r.answers()
		a.Set("sponsor", r.w.User("teacher19").ID.String())
		if _, err := r.Submit(r.t.Context(), r.as("maya", access.DoorCourse), "", a); !tooMany(err) {
			r.t.Errorf("in another request: %v", err)
		}
		_, err := r.EndSponsorship(r.t.Context(), r.as("ana", access.DoorCourse), g.ID, "")
		r.must(err)
		if _, err := r.NameSponsor(r.t.Context(), r.as("maya", access.DoorCourse), g.ID, a.Text("sponsor")); !tooMany(err) {
			r.t.Errorf("for a token: %v", err)
		}
		r.drain()
		told := 0
		for n := range 20 {
			told += len(r.subjects(fmt.Sprintf("teacher%d", n)))
		}
		if told != access.MaxNamed-1 {
			r.t.Errorf("%d teachers were told", told)
		}
		r.clock.Advance(access.PaceWindow)
		r.must(r.choose(req.ID, "teacher19"))
	})
}

// A refused page is recorded once an hour, by however many replicas and presses
// at once; a refused press always.
func TestRefusedPageIsRecordedOnceAnHour(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		cat, err := text.New()
		r.must(err)
		replicas := []*Service{r.Service, r.service(r.Store, cat)}
		luca := r.as("luca", access.DoorAccount)
		refusals := func() (n int) {
			for _, e := range r.events(audit.Refused) {
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
					if _, err := replicas[i%2].Queue(r.t.Context(), luca, QueueFilter{}); access.WhyOf(err) != access.WhyNotReviewer {
						r.t.Errorf("the queue: %v", err)
					}
				})
			}
			wg.Wait()
		}
		for hour := range 2 {
			open(40)
			if n := refusals(); n != hour+1 {
				r.t.Errorf("after hour %d there are %d records", hour, n)
			}
			r.clock.Advance(access.RefusalWindow)
		}
		for range 3 {
			if err := r.CheckNow(r.t.Context(), luca); access.WhyOf(err) != access.WhyNotReviewer {
				r.t.Errorf("a press: %v", err)
			}
		}
		if n := refusals(); n != 5 {
			r.t.Errorf("with three presses there are %d records", n)
		}
		r.proven()
	})
}

// What needs no Canvas is decided without it, all of it together; and what the
// page knew of its person stands beside it.
func TestFormIsCheckedBeforeCanvas(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	maya := r.as("maya", access.DoorCourse)
	codes := func(a access.Answers) (out []string, calls int) {
		r.cv.ClearRequests()
		_, err := r.Submit(t.Context(), maya, "", a)
		var form *access.FormError
		if !errors.As(err, &form) {
			t.Fatalf("it was not sent back: %v", err)
		}
		for _, f := range form.Fields {
			out = append(out, f.Code)
		}
		return out, len(r.cv.Requests())
	}
	a := r.answers()
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
	a = r.answers()
	a.Set("accepted")
	a.Set("sponsor")
	a.Set("end", "2031-01-01")
	_, err := r.Form(t.Context(), maya, "")
	r.must(err)
	if got, calls := codes(a); !slices.Equal(got, []string{"end.too_late", "sponsor.missing", "accepted.missing"}) || calls != 0 {
		t.Errorf("after the page was shown: %q after %d calls", got, calls)
	}
	// Nobody is named who could be asked about: neither is anybody's role.
	a = r.answers()
	a.Set("sponsor", "")
	if got, calls := codes(a); !slices.Equal(got, []string{"sponsor.missing"}) || calls > 3 {
		t.Errorf("without a sponsor: %q after %d calls", got, calls)
	}
	r.unhurried()
	good := r.answers()
	first, err := r.Submit(t.Context(), maya, "", good)
	r.must(err)
	r.cv.ClearRequests()
	if twin, err := r.Submit(t.Context(), maya, "", good); err != nil || twin.ID != first.ID || len(r.cv.Requests()) != 0 {
		t.Errorf("the second press: %s, %v, after %d calls", twin.Code(), err, len(r.cv.Requests()))
	}
	for range builtIn.Quotas.Open - 1 {
		r.submitted()
	}
	r.cv.ClearRequests()
	if _, err := r.Submit(t.Context(), maya, "", r.answers()); access.WhyOf(err) != access.WhyQuotaOpen || len(r.cv.Requests()) != 0 {
		t.Errorf("beyond the open requests: %v after %d calls", err, len(r.cv.Requests()))
	}
}

// A person causes so many checks of Canvas a minute. What is beyond asks nothing
// and changes nothing; what a cache knows costs nothing, others are not
// concerned, and what takes access away never waits.
func TestChecksOfOnePerson(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		g, _ := r.working()
		r.unhurried()
		maya := r.as("maya", access.DoorCourse)
		req := r.submitted() // the first
		enrollments := "/users/" + r.w.User("maya").ID.String() + "/enrollments"
		wrong := r.w.User("tom").ID.String()
		try := func() error {
			_, err := r.ChooseSponsor(ctx, maya, req.ID, wrong)
			return err
		}
		for n := range access.MaxChecks - 1 {
			if err := try(); access.WhyOf(err) != "" {
				r.t.Errorf("check %d: %v", n+2, err)
			}
			_, err := r.Home(ctx, maya)
			r.must(err)
		}
		r.cv.ClearRequests()
		r.refusedBusy(try)
		r.refusedBusy(func() error { _, err := r.Submit(ctx, maya, "", r.answers()); return err })
		if n := len(r.cv.Requests()); n != 0 {
			r.t.Errorf("beyond the pace there were %d calls, %s among them", n, enrollments)
		}
		r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
		if _, err := r.Form(ctx, maya, ""); err != nil {
			r.t.Errorf("the form: %v", err)
		}
		r.act(maya, req.Code(), access.Withdraw, access.Move{})
		if _, err := r.Revoke(ctx, maya, g.ID, ""); err != nil || r.grant(g.ID).State != access.Revoked {
			r.t.Errorf("revoking: %v, it is %s", err, r.grant(g.ID).State)
		}
		r.unhurried()
		_, err := r.Submit(ctx, maya, "", r.answers())
		r.must(err)
	})
}

// refusedBusy expects that a press is refused for the pace, and not recorded.
func (r *rig) refusedBusy(try func() error) {
	r.t.Helper()
	n := len(r.events(audit.Refused))
	if err := try(); access.WhyOf(err) != access.WhyBusy || !errors.Is(err, access.ErrNotAllowed) {
		r.t.Errorf("a press beyond the pace: %v", err)
	}
	if now := len(r.events(audit.Refused)); now != n {
		r.t.Errorf("%d records became %d", n, now)
	}
}

// Of one person's checks so many go on at once, on all replicas together.
func TestChecksAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		cat, err := text.New()
		r.must(err)
		replicas := []*Service{r.Service, r.service(r.Store, cat)}
		req := r.submitted()
		r.unhurried()
		maya, wrong := r.as("maya", access.DoorCourse), r.w.User("tom").ID.String()
		try := func(i int) error {
			_, err := replicas[i%2].ChooseSponsor(r.t.Context(), maya, req.ID, wrong)
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
		r.line.Store(&line)
		var wg sync.WaitGroup
		for i := range access.MaxChecksAtOnce {
			wg.Go(func() {
				if err := try(i); access.WhyOf(err) != "" {
					r.t.Errorf("one of the first: %v", err)
				}
			})
			<-asked
		}
		for i := range 2 {
			r.refusedBusy(func() error { return try(i) })
		}
		if n := calls.Load(); n != access.MaxChecksAtOnce {
			r.t.Errorf("%d calls", n)
		}
		close(answer)
		wg.Wait()
		if err := try(0); access.WhyOf(err) != "" {
			r.t.Errorf("when they were done: %v", err)
		}
	})
}

// Of drafts made at once as many stay as one person may have.
func TestDraftsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		maya := r.as("maya", access.DoorCourse)
		for range maxDrafts - 1 {
			_, err := r.SaveDraft(r.t.Context(), maya, "", r.answers())
			r.must(err)
		}
		var wg sync.WaitGroup
		var made atomic.Int32
		// What was typed goes with the draft that is saved. While somebody holds it no
		// draft is done, and all come as far as they can: those that did not wait for
		// each other have counted by then.
		typed := store.Kept{Tenant: r.tenant, Person: maya.Person, Object: NewObject, Form: FormRequest, Data: []byte(`{}`), UpdatedAt: r.clock.Now()}
		r.must(r.Store.InTx(r.t.Context(), func(tx *store.Tx) error { return tx.Keep(typed) }))
		r.must(r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
			if err := tx.Keep(typed); err != nil {
				return err
			}
			for range 8 {
				a := r.answers()
				wg.Go(func() {
					switch _, err := r.SaveDraft(r.t.Context(), maya, "", a); {
					case err == nil:
						made.Add(1)
					case access.WhyOf(err) != access.WhyDrafts:
						r.t.Errorf("refused with %v", err)
					}
				})
			}
			storetest.AwaitLocked(r.t, r.Store, 8)
			return nil
		}))
		wg.Wait()
		if n := made.Load(); n != 1 {
			r.t.Errorf("%d found room for one", n)
		}
	})
}

// Requests begun and thrown away are counted for a day.
func TestRequestsBegunInADay(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	maya := r.as("maya", access.DoorCourse)
	for range access.MaxBegun {
		d, err := r.SaveDraft(t.Context(), maya, "", r.answers())
		r.must(err)
		r.must(r.DiscardDraft(t.Context(), maya, d.ID))
	}
	for name, try := range map[string]func() error{
		"a draft":   func() error { _, err := r.SaveDraft(t.Context(), maya, "", r.answers()); return err },
		"a request": func() error { _, err := r.Submit(t.Context(), maya, "", r.answers()); return err },
	} {
		if err := try(); access.WhyOf(err) != access.WhyBegun {
			t.Errorf("%s more: %v", name, err)
		}
	}
	_, err := r.SaveDraft(t.Context(), r.as("luca", access.DoorCourse), "", r.answers())
	r.must(err)
	r.clock.Advance(access.PaceWindow)
	_, err = r.SaveDraft(t.Context(), maya, "", r.answers())
	r.must(err)
	r.must(r.Store.InTx(t.Context(), func(tx *store.Tx) error {
		n, err := tx.PurgePaces(r.clock.Now())
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
	r := newRig(t, sqlite(t))
	r.made("tom", "Tom's bot")
	r.made("tom", "Tom's other bot")
	r.checked()
	for range 5 {
		r.tell("Tom's bot")
	}
	if got := r.subjects("tom"); len(got) != 1 {
		t.Errorf("Tom heard %q", got)
	}
	r.tell("Tom's bot", "Tom's other bot")
	r.clock.Advance(access.PaceWindow)
	r.tell("Tom's bot")
	if got := r.subjects("tom"); len(got) != 3 {
		t.Errorf("with news Tom heard %q", got)
	}
}
