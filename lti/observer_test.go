package lti

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// listener keeps what an Observer is told.
type listener struct {
	mu    sync.Mutex
	heard []string
}

func (l *listener) LaunchStep(step Step, outcome Outcome, reason Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, fmt.Sprint(step, " ", outcome, " ", reason))
}

// Every step of a launch is told once, with how it ended.
func TestObserver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	told := &listener{}
	b.tool.Observer = told
	is := func(want ...string) {
		t.Helper()
		told.mu.Lock()
		defer told.mu.Unlock()
		if !slices.Equal(told.heard, want) {
			t.Errorf("told %q, want %q", told.heard, want)
		}
		told.heard = nil
	}

	br := b.browser(t)
	login := br.login()
	is("login accepted ")
	br.launch(login, nil).launched(t)
	is("launch accepted ")
	br.launch(login, nil).refused(t, ReasonStateSpent)
	is("launch refused state_spent")
	br.post("/lti/login", nil).refused(t, ReasonMissingField)
	is("login refused missing_field")

	bare := b.noCookies(t)
	login = bare.login("lti_storage_target", frame)
	page := bare.launch(login, nil).proofPage(t)
	is("login accepted ", "launch asked_storage ")
	bare.prove(page, login.page.Value, "", "ok").launched(t)
	is("proof accepted ")
	bare.prove(page, login.page.Value, "", "ok").refused(t, ReasonHeldUnknown)
	is("proof refused held_unknown")
}
