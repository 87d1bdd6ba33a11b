package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// events counts what was done, by action; what was refused is not.
func (s *scene) events() map[string]int {
	s.rig.T.Helper()
	all := map[string]int{}
	storetest.DumpURL(s.rig.T, s.rig.DB, func(table, column, cell string) {
		if table == "audit_events" && column == "action" && cell != "refused" {
			all[cell]++
		}
	})
	return all
}

// Every form in its turn, sent once, and sent twice at the same moment: the same is
// done.
func TestEveryFormTwiceAtOnce(t *testing.T) {
	t.Parallel()
	once, twice := newScene(t), newScene(t)
	people, pairs := once.launch(), twice.launch()
	var statuses [2]int
	both := func(o *opened, p press) {
		t.Helper()
		fields := url.Values{session.Field: {o.handle}}
		for name, values := range o.formOf(p) {
			fields[name] = values
		}
		var wait sync.WaitGroup
		for i := range statuses {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, twice.rig.URL+p.path, strings.NewReader(fields.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = webtest.SameOrigin()
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for name, value := range o.Cookies {
				req.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			wait.Go(func() {
				statuses[i] = 0
				if res, err := http.DefaultClient.Do(req); err == nil {
					statuses[i] = res.StatusCode
					_ = res.Body.Close()
				}
			})
		}
		wait.Wait()
	}
	for i, p := range once.presses {
		// Nobody asks Canvas too often, or comes too late to decide.
		once.rig.Clock.Advance(20 * time.Second)
		twice.rig.Clock.Advance(20 * time.Second)
		if i%20 == 19 {
			people, pairs = once.launch(), twice.launch()
		}
		was, wasTwice := once.events(), twice.events()
		people[p.who].press(p)
		both(pairs[p.who], twice.presses[i])
		now, nowTwice := once.events(), twice.events()
		// One is done; the other is done already, or comes from who has no part any more.
		one, other := min(statuses[0], statuses[1]), max(statuses[0], statuses[1])
		if one != http.StatusOK || !slices.Contains([]int{http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}, other) {
			t.Errorf("%s: POST %s twice at once answers %v", p.who, p.route, statuses)
		}
		for action, n := range nowTwice {
			if p.again {
				break
			}
			if got, want := n-wasTwice[action], now[action]-was[action]; got != want {
				t.Errorf("%s: POST %s twice at once, %v: %d times %s, not %d", p.who, p.route, statuses, got, action, want)
			}
		}
	}
}
