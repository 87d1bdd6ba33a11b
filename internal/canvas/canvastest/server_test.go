package canvastest

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// getWhenUp asks once; the listener is open already, so the connection waits
// in its queue until the server accepts it.
func getWhenUp(t *testing.T, c *http.Client, target string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

func TestDefaultWorld(t *testing.T) {
	t.Parallel()
	w := DefaultWorld(NewFixedClock(testDay))
	keys := map[string]bool{}
	for _, u := range w.Users() {
		if keys[u.Key] || u.Key == "" {
			t.Errorf("key %q is empty or used twice", u.Key)
		}
		keys[u.Key] = true
		if u.ID < 1_000_000 {
			t.Errorf("%s has a small id %d", u.Key, u.ID)
		}
	}
	for _, key := range []string{
		"maya", "luca", "ana", "tom", "helen", "dana", "priya", "lena", "ingrid", "pavel", "victor", "noor",
		"grace", "omar", "sam", "kofi", "rosa", "rosa-old", "test-student", "yuki", "former", "site-admin", "service",
	} {
		if !keys[key] {
			t.Errorf("no %s", key)
		}
	}
	end := w.Term("current").End
	if months := end.Sub(testDay); months < 80*day || months > 100*day {
		t.Errorf("the term of BIO 201 ends in %v", months)
	}
	if !w.Authenticates(w.ServiceToken()) {
		t.Error("the service token does not work")
	}
	if w.User("luca").ID <= 1<<53 {
		t.Error("no id beyond 2^53")
	}

	rights := map[string]bool{
		"dana": true, "priya": true, "service": true, "site-admin": true,
		"lena": false, "ingrid": false, "pavel": false, "victor": false, "maya": false, "ana": false, "sam": false,
	}
	for key, want := range rights {
		if got := w.Granted(key, "root", PermCreateTokens); got != want {
			t.Errorf("%s may create tokens: %v", key, got)
		}
	}
	if w.Granted("ingrid", "sciences", PermCreateTokens) {
		t.Error("a token permission is held below the root")
	}
	if !w.Granted("ingrid", "biology", PermReadRoster) || w.Granted("pavel", "sciences", PermReadRoster) {
		t.Error("account rights go down the tree and not up")
	}
}

func TestIdentitiesStayOverRestartsAndSecretsDoNot(t *testing.T) {
	t.Parallel()
	clock := NewFixedClock(testDay)
	a, b := DefaultWorld(clock), DefaultWorld(clock)
	if !slices.EqualFunc(a.Users(), b.Users(), func(x, y User) bool {
		return x.ID == y.ID && x.LTIID == y.LTIID && x.LTI11ID == y.LTI11ID && x.UUID == y.UUID
	}) {
		t.Error("people changed their ids")
	}
	if !slices.Equal(a.Courses(), b.Courses()) || a.Role("lab-ta").ID != b.Role("lab-ta").ID {
		t.Error("courses or roles changed their ids")
	}
	if a.ServiceToken() == b.ServiceToken() {
		t.Error("two starts share a secret")
	}
	later := DefaultWorld(NewFixedClock(testDay.Add(time.Minute)))
	if a.Tokens("service")[0].ID >= later.Tokens("service")[0].ID {
		t.Error("a later start may reuse token ids")
	}
}

func TestMergedUserKeepsOldIdentityPerContext(t *testing.T) {
	t.Parallel()
	w := DefaultWorld(NewFixedClock(testDay))
	rosa, old := w.User("rosa"), w.User("rosa-old")
	if old.State != StateDeleted || old.MergedInto != rosa.ID {
		t.Errorf("old %+v", old)
	}
	if len(rosa.Past) != 1 || rosa.Past[0].LTIID != old.LTIID || rosa.Past[0].ContextID != w.Course("bio201").ContextID {
		t.Errorf("past %+v", rosa.Past)
	}
	if err := w.MergeUsers("rosa-old", "maya"); err == nil {
		t.Error("a merged user was merged again")
	}
}

func TestMergeLeavesSomeTokens(t *testing.T) {
	t.Parallel()
	w := DefaultWorld(NewFixedClock(testDay))
	stays, _ := w.SeedToken("maya", TokenSpec{Purpose: "stays"})
	goes, _ := w.SeedToken("maya", TokenSpec{Purpose: "goes"})
	if err := w.MergeUsers("maya", "noor", stays.ID); err != nil {
		t.Fatal(err)
	}
	for id, key := range map[ID]string{stays.ID: "maya", goes.ID: "noor"} {
		if tok, ok := w.TokenByID(id); !ok || tok.UserID != w.User(key).ID {
			t.Errorf("%q is user %s's, not %s's", tok.Purpose, tok.UserID, key)
		}
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	fixed := NewFixedClock(testDay)
	fixed.Advance(time.Hour)
	if !fixed.Now().Equal(testDay.Add(time.Hour)) {
		t.Errorf("fixed %v", fixed.Now())
	}
	running := NewClock()
	running.Advance(-time.Hour)
	before := time.Now()
	got := running.Now().Add(time.Hour)
	if after := time.Now(); got.Before(before) || got.After(after) {
		t.Errorf("running says %v between %v and %v", got, before, after)
	}
	if err := running.Sleep(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}

func TestSleepersOfAFixedClock(t *testing.T) {
	t.Parallel()
	c := NewFixedClock(testDay)
	if err := c.Sleep(t.Context(), 0); err != nil {
		t.Error(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	woken := make(chan string)
	sleep := func(ctx context.Context, name string, d time.Duration) {
		go func() {
			if err := c.Sleep(ctx, d); err != nil {
				name += ": " + err.Error()
			}
			woken <- name
		}()
	}
	sleep(t.Context(), "a minute", time.Minute)
	sleep(t.Context(), "an hour", time.Hour)
	sleep(ctx, "left", time.Hour)
	c.AwaitSleepers(t, 3)
	leave()
	if got := <-woken; got != "left: context canceled" {
		t.Errorf("woken: %s", got)
	}
	c.Advance(time.Minute - 1)
	c.Advance(1)
	if got := <-woken; got != "a minute" {
		t.Errorf("woken: %s", got)
	}
	sleep(t.Context(), "two hours", 2*time.Hour)
	c.AwaitSleepers(t, 2)
	c.Advance(time.Hour)
	if got := <-woken; got != "an hour" {
		t.Errorf("woken: %s", got)
	}
	c.Advance(time.Hour)
	if got := <-woken; got != "two hours" {
		t.Errorf("woken: %s", got)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, key := range []string{"yuki", "former", "test-student", "nobody-of-this-key"} {
		if _, err := r.s.SignIn(key); err == nil {
			t.Errorf("%s signed in", key)
		}
	}
	if _, err := r.s.SignIn("maya"); err != nil {
		t.Error(err)
	}
	if _, err := r.s.openSession("ana", "maya", "canvas"); err == nil {
		t.Error("a teacher acts as a student")
	}
	opened, err := r.s.openSession("dana", "maya", "canvas")
	if err != nil || opened.current() != r.w.User("maya").ID {
		t.Errorf("%v %+v", err, opened)
	}
}

// TestConcurrentUse is for the race detector: calls, world methods, faults and
// the management port at the same time.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.w.User("maya")
	admin, student := r.as("dana"), r.as("maya")
	work := []func() error{
		func() error {
			a, err := admin.try("POST", tokensPath(maya), "token[purpose]=p&token[scopes][]=a")
			if err == nil && a.status == 200 {
				err = r.s.ActivateAs("maya", a.token().ID)
			}
			return err
		},
		func() error { _, err := admin.try("GET", listPath(maya), nil); return err },
		func() error { _, err := student.try("GET", "/api/v1/users/self/enrollments", nil); return err },
		func() error {
			_, err := admin.try("POST", "/api/v1/conversations", "recipients[]="+maya.ID.String()+"&body=b")
			return err
		},
		func() error { r.w.Inbox("maya"); r.w.Notices(); r.w.UsableTokens("maya"); return nil },
		func() error {
			r.w.SetEnrollmentState("luca", "bio201", StateInactive)
			r.w.UpdateFlags(func(f *Flags) { f.CappedUsers = map[string]time.Duration{"luca": day} })
			r.w.Clock.Advance(time.Second)
			return nil
		},
		func() error { r.s.Fail(Fault{Route: "/no/such", Times: -1})(); r.s.Requests(); return nil },
		func() error { r.s.state(); return nil },
		func() error { _, err := r.s.SignIn("ana"); return err },
	}
	var failed sync.Map
	var group sync.WaitGroup
	for _, step := range work {
		group.Go(func() {
			for range 10 {
				if err := step(); err != nil {
					failed.Store(err.Error(), true)
				}
			}
		})
	}
	group.Wait()
	failed.Range(func(err, _ any) bool { t.Error(err); return true })
	if got := len(r.w.UsableTokens("maya")); got != 11 {
		t.Errorf("%d tokens, want ten and the test credential", got)
	}
}
