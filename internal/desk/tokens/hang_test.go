package tokens_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	smtp "github.com/emersion/go-smtp"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// post is a mail server that is reached by pipes, and so lives in the virtual
// time of a bubble. While it hangs it takes connections and says nothing.
type post struct {
	hangs atomic.Bool
	calls atomic.Int64
	conns chan net.Conn
	down  chan struct{}
	mu    sync.Mutex
	got   map[string]int // letters, by Message-ID
}

func newPost(t *testing.T) *post {
	p := &post{conns: make(chan net.Conn), down: make(chan struct{}), got: map[string]int{}}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &letterbox{post: p}, nil }))
	server.Domain, server.ErrorLog = "post.example.edu", log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(p) }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

func (p *post) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.down:
		return nil, net.ErrClosed
	}
}

func (p *post) Close() error { close(p.down); return nil }

func (p *post) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 25} }

func (p *post) dial(context.Context, string, string) (net.Conn, error) {
	p.calls.Add(1)
	here, there := net.Pipe()
	if !p.hangs.Load() {
		p.conns <- there
	}
	return here, nil
}

type letterbox struct{ post *post }

func (*letterbox) Reset() {}

func (*letterbox) Logout() error { return nil }

func (*letterbox) Mail(string, *smtp.MailOptions) error { return nil }

func (*letterbox) Rcpt(string, *smtp.RcptOptions) error { return nil }

var messageID = regexp.MustCompile(`(?mi)^Message-ID:\s*<([^>]+)>`)

func (l *letterbox) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	l.post.mu.Lock()
	defer l.post.mu.Unlock()
	l.post.got[string(messageID.FindSubmatch(raw)[1])]++
	return nil
}

// schools are two rigs on one store and one program, in a bubble.
type schools struct {
	t     *testing.T
	all   [2]*desktest.Rig
	post  *post
	hangs atomic.Bool // the inbox of the first
	inbox atomic.Int64
}

func newSchools(t *testing.T, st *store.Store) *schools {
	s := &schools{t: t, post: newPost(t)}
	for i := range s.all {
		clock := canvastest.NewClock()
		clock.Advance(desktest.RigBegins.Sub(clock.Now()))
		cv := canvastest.New(canvastest.Options{Clock: clock, InstitutionURL: fmt.Sprintf("https://canvas%d.test", i), SSOURL: fmt.Sprintf("https://sso%d.test", i)})
		r := desktest.RigWith(t, st, clock, cv, fmt.Sprintf("1000000000000%d", i))
		client := canvas.New(canvas.Config{BaseURL: cv.InstitutionURL(), HTTP: &http.Client{Transport: s.line(cv.Handler(), i == 0)}, Now: clock.Now,
			Credential: func(context.Context) (secret.Text, error) { return secret.New(r.W.ServiceToken()), nil }})
		mail, err := notify.NewSMTP(notify.SMTPConfig{URL: secret.New("smtp://127.0.0.1:25"), From: "tokens@northfield.example", Dial: s.post.dial, Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		r.Desk.Limit = nil
		r.Desk.Canvas = func(store.Platform) (*canvas.Client, error) { return client, nil }
		r.Desk.Ways = func(store.Platform, *canvas.Client) []notify.Way {
			return []notify.Way{notify.Inbox{Client: client}, mail}
		}
		s.all[i] = r
	}
	return s
}

type lineFunc func(*http.Request) (*http.Response, error)

func (f lineFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// line reaches a stand-in without a network, in 50 ms.
func (s *schools) line(to http.Handler, first bool) http.RoundTripper {
	return lineFunc(func(req *http.Request) (*http.Response, error) {
		if first && req.URL.Path == "/api/v1/conversations" {
			s.inbox.Add(1)
			if s.hangs.Load() {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
		}
		time.Sleep(50 * time.Millisecond)
		in := req.Clone(req.Context())
		in.RequestURI, in.Host, in.RemoteAddr = req.URL.RequestURI(), req.URL.Host, "127.0.0.1:1"
		if in.Body == nil {
			in.Body = http.NoBody
		}
		out := httptest.NewRecorder()
		to.ServeHTTP(out, in)
		resp := out.Result()
		resp.Request = req
		return resp, nil
	})
}

// handlers run each job at the school that it belongs to, and what belongs to no
// school at both.
func (s *schools) handlers() map[string]jobs.Work {
	of := map[string]map[string]jobs.Work{}
	for _, r := range s.all {
		of[string(r.Tenant)] = r.Desk.Handlers()
	}
	out := map[string]jobs.Work{}
	for kind, w := range s.all[0].Desk.Handlers() {
		out[kind] = jobs.Work{Queue: w.Queue, Do: func(ctx context.Context, j jobs.Job) error {
			if mine, ok := of[j.Tenant]; ok {
				return mine[kind].Do(ctx, j)
			}
			return w.Do(ctx, j)
		}}
	}
	return out
}

// waitingLetters leaves n letters waiting, to as many people as there are fours in n.
func waitingLetters(r *desktest.Rig, n int) {
	r.T.Helper()
	q := r.Approved()
	var people []access.PersonID
	for i := range n / 4 {
		key := fmt.Sprintf("reader%d", i)
		u := r.W.AddUser(canvastest.User{Key: key, Name: fmt.Sprintf("Reader %d", i), Email: key + "@northfield.example"}, key, "")
		p := store.Person{ID: access.PersonID(store.NewID("per")), Tenant: r.Tenant, CanvasUser: u.ID.String(), Name: u.Name, CreatedAt: r.Clock.Now()}
		r.Must(r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error { return tx.SavePerson(p) }))
		people = append(people, p.ID)
	}
	r.Must(r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		for i := range n {
			if err := tx.InsertJob(r.Notices.NoticeJob(notify.Approved, q, nil, people[i%len(people)], fmt.Sprintf("round %d", i/len(people)))); err != nil {
				return err
			}
		}
		return nil
	}))
}

// A Canvas whose inbox hangs and a mail server that hangs, with many letters
// waiting (the long form has a thousand), hold up nothing but letters, at no
// school: an end, a stray and a revocation keep their times. Each letter goes out
// once when the servers are back, and meanwhile hardly any knocks.
func TestLettersThatHangHoldUpNothing(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		n := 80 // far more than can hang at once
		if os.Getenv("TOKENDESK_LONG") != "" {
			n = 1000
		}
		synctest.Test(t, func(t *testing.T) { hangingLetters(t, url, n) })
	})
}

func hangingLetters(t *testing.T, url string, n int) {
	st, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	if err := st.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := newSchools(t, st)
	s.hangs.Store(true)
	s.post.hangs.Store(true)
	first := s.all[0]
	waitingLetters(first, n)

	began := time.Now()
	type waits struct {
		what string
		due  time.Duration
		done func() bool
	}
	var all []waits
	for i, r := range s.all {
		gs := r.ManyGrants(3)
		school := fmt.Sprintf(" at school %d", i+1)
		gone := func(g access.Grant) func() bool {
			return func() bool { return r.InCanvasOf(g).State == canvastest.StateDeleted && r.Grant(g.ID).State.Final() }
		}
		r.Force(gs[0].ID, func(g *access.Grant) { g.Expires = r.Clock.Now().Add(5 * time.Minute) })
		all = append(all, waits{"an end" + school, 5 * time.Minute, gone(gs[0])})

		_, err := r.Tokens.BeginEndFrom(t.Context(), r.Grant(gs[1].ID), access.GrantMove{Cause: access.ByReviewer, Reason: "breach"}, nil)
		r.Must(err)
		all = append(all, waits{"a revocation" + school, 0, gone(gs[1])})

		tok := r.Seeded("luca", gs[2], 1)
		ref, err := json.Marshal(tokens.StrayRef{GrantRef: desk.GrantRef{Grant: gs[2].ID, Attempt: 1}, User: r.W.User("luca").ID.String(), Token: tok.ID.String()})
		r.Must(err)
		r.Must(st.InsertJob(t.Context(), desk.NewJob(r.Tenant, tokens.JobStray, "stray"+school, ref, r.Clock.Now().Add(20*time.Second))))
		all = append(all, waits{"a stray" + school, 20 * time.Second, func() bool {
			now, _ := r.W.TokenByID(tok.ID)
			return now.State == canvastest.StateDeleted
		}})
	}

	runner := &jobs.Runner{Queue: st, Handlers: s.handlers(), Now: first.Clock.Now, Log: first.Desk.Log, Poll: 15 * time.Second, Schedules: []jobs.Schedule{{Kind: desk.JobTick, Every: time.Minute}}}
	for _, r := range s.all {
		r.Desk.Nudge = runner.Nudge
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	for time.Since(began) < 15*time.Minute {
		time.Sleep(time.Second)
		for i, w := range all {
			if w.done != nil && w.done() {
				if late := time.Since(began) - w.due; late > 90*time.Second {
					t.Errorf("%s was proven %s after its time", w.what, late.Round(time.Second))
				}
				all[i].done = nil
			}
		}
	}
	for _, w := range all {
		if w.done != nil {
			t.Errorf("%s waits for letters", w.what)
		}
	}
	if a, b := s.inbox.Load(), s.post.calls.Load(); a == 0 || b == 0 || a > 20 || b > 20 {
		t.Errorf("%d and %d letters knocked at servers that hang", a, b)
	}

	s.hangs.Store(false)
	s.post.hangs.Store(false)
	sent := func() (inbox, mail int) {
		s.post.mu.Lock()
		defer s.post.mu.Unlock()
		for i := range n / 4 {
			inbox += len(first.W.Inbox(fmt.Sprintf("reader%d", i)))
		}
		return inbox, len(s.post.got)
	}
	for range 60 {
		time.Sleep(time.Minute)
		if inbox, mail := sent(); inbox >= n && mail >= n {
			break
		}
	}
	time.Sleep(20 * time.Minute)
	inbox, mail := sent()
	t.Logf("%d in the inbox, %d mailed, %s after they hung", inbox, mail, time.Since(began))
	if inbox != n || mail < n {
		t.Errorf("%d of %d letters are in the inbox, %d were mailed", inbox, n, mail)
	}
	for id, times := range s.post.got {
		if times != 1 {
			t.Errorf("letter %s was mailed %d times", id, times)
		}
	}
}
