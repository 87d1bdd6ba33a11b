package launchtest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// memory keeps one registration, no nonce and no session. It stands where a
// database would, to measure what a launch costs without one.
type memory struct {
	lti.StateStore
	reg lti.Registration
}

func (m *memory) SpendNonce(context.Context, lti.Nonce) error { return nil }
func (m *memory) FindRegistration(context.Context, string, string, string) (lti.Registration, error) {
	return m.reg, nil
}
func (m *memory) Registration(context.Context, string) (lti.Registration, error) { return m.reg, nil }

func (m *memory) CreateSession(context.Context, session.Record) ([]session.Record, error) {
	return nil, nil
}
func (m *memory) FindSession(context.Context, []byte, time.Time) (session.Record, error) {
	return session.Record{}, session.ErrNone
}
func (m *memory) TouchSession(context.Context, []byte, time.Time, time.Time, bool) error { return nil }
func (m *memory) EndSession(context.Context, []byte) error                               { return nil }

// BenchmarkOwnWork is a launch without database and without rendering, from the
// form post to the session's cookie, beside what nobody can do without: one
// RSA-2048 verification and one decoding of the same token.
//
//	protocol-µs  processor time of the launch with its session, but for Admit
//	admit-µs     of Admit, less the same reads from SQLite by themselves
//	floor-µs     of verification and decoding
//	ratio        (protocol + admit) / floor: the bar is 2.2
func BenchmarkOwnWork(b *testing.B) {
	s := newShots(b, "sqlite:"+b.TempDir()+"/own.db")
	log := slog.New(slog.DiscardHandler)
	state, nonce, cookie := s.login()
	m := &memory{reg: s.platform.Registration}
	sessions := &session.Store{Backend: m, Now: time.Now}
	launched := 0
	var last lti.Launch
	tool := &lti.Tool{
		Registrations: m, States: m, StateKeys: s.apps[0].StateKeys(), KeySets: &lti.KeySets{Client: loopback, Log: log}, PublicURL: s.url, Log: log,
		Pages: lti.Pages{
			Refused: func(_ http.ResponseWriter, _ *http.Request, r *lti.Refusal) { b.Fatal(r) },
			Launched: func(w http.ResponseWriter, r *http.Request, l lti.Launch) {
				data, err := json.Marshal(map[string]any{"session": ui.Session{Locale: l.Locale, Caller: access.Caller{Name: l.Name, Launch: access.Launch{Sub: l.Subject, LaunchedAt: l.ReceivedAt}}}})
				if err != nil {
					b.Fatal(err)
				}
				sess := sessions.Fresh(r)
				session.Begin(sess, session.Record{Tenant: "t", Person: "p", Platform: l.Registration, Data: data, LaunchedAt: l.ReceivedAt})
				if err := sess.Save(r, w); err != nil {
					b.Fatal(err)
				}
				launched++
				last = l
			},
		},
	}
	if err := tool.Validate(); err != nil {
		b.Fatal(err)
	}
	one := s.one()
	body := "state=" + state + "&id_token=" + s.token(nonce) + one.body[strings.Index(one.body, "&utf8="):]
	own := func() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/lti/launch", io.NopCloser(strings.NewReader(body)))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", cookie)
		tool.HandleLaunch(httptest.NewRecorder(), req)
	}
	verify := floor(b, s, s.token(nonce))
	own()
	admit := func() {
		if _, err := s.apps[0].Rooms.Authority.Admit(b.Context(), last); err != nil {
			b.Fatal(err)
		}
	}
	admit()
	reads := admitReads(b, s, last)
	var protocol, admitting, reading, theirs time.Duration
	type part struct {
		do    func()
		spent *time.Duration
	}
	parts := []part{{own, &protocol}, {verify, &theirs}, {admit, &admitting}, {reads, &reading}}
	n := 0
	for b.Loop() {
		// What comes first finds the caches cold: they take turns.
		slices.Reverse(parts)
		for _, part := range parts {
			began := used(b)
			for range 20 {
				part.do()
			}
			*part.spent += used(b) - began
		}
		n += 20
	}
	if launched != n+1 {
		b.Fatalf("%d of %d launched", launched, n+1)
	}
	for unit, d := range map[string]time.Duration{"protocol-µs": protocol, "admit-µs": admitting - reading, "floor-µs": theirs} {
		b.ReportMetric(float64(d.Nanoseconds())/1000/float64(n), unit)
	}
	b.ReportMetric(float64(protocol+admitting-reading)/float64(theirs), "ratio")
}

// admitReads is what Admit asks the database about somebody known.
func admitReads(tb testing.TB, s *shots, l lti.Launch) func() {
	tb.Helper()
	st := s.apps[0].Store
	return func() {
		if _, _, err := st.PlatformAndTenant(tb.Context(), l.Registration); err != nil {
			tb.Fatal(err)
		}
		if _, err := st.PersonBySub(tb.Context(), s.platform.Tenant, l.Subject); err != nil {
			tb.Fatal(err)
		}
	}
}
