package notify_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/text"
)

const conversations = "/api/v1/conversations"

func inbox(t *testing.T) (*canvastest.Server, notify.Inbox, notify.Message) {
	t.Helper()
	s := canvastest.Start(t, canvastest.Options{PerPage: 3, Clock: canvastest.NewFixedClock(sentAt)})
	client := canvas.New(canvas.Config{
		BaseURL: s.InstitutionURL(), HTTP: s.Client(),
		Credential: func(context.Context) (secret.Text, error) { return secret.New(s.World().ServiceToken()), nil },
	})
	catalogue, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	composer, err := notify.NewComposer(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	m, err := composer.Compose(notify.SponsorSaidYes, notify.Facts{
		Occasion: "req_7/3", Now: sentAt, Code: "REQ-0142", Title: "Plots", Requester: "Maya Chen", Sponsor: "Ana Ruiz",
		ReviewBy: sentAt.AddDate(0, 0, 7), Link: "https://canvas.example.edu/courses/1/external_tools/2",
	}, notify.Recipient{CanvasUserID: s.World().User("maya").ID.String(), Name: "Maya Chen", As: notify.AsRequester})
	if err != nil {
		t.Fatal(err)
	}
	return s, notify.Inbox{Client: client}, m
}

func TestInboxDelivers(t *testing.T) {
	t.Parallel()
	s, way, m := inbox(t)
	if way.Name() != "inbox" {
		t.Errorf("Name = %s", way.Name())
	}
	if err := way.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.World().Inbox("maya")
	if len(got) != 1 || got[0].Subject != m.Subject || got[0].Body != m.Text || got[0].AuthorID != s.World().User("service").ID {
		t.Errorf("inbox: %+v", got)
	}
	if n := s.Count(http.MethodGet, conversations); n != 0 {
		t.Errorf("a first sending looked %d times for an earlier one", n)
	}
}

func TestInboxLooksBeforeItSendsAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*canvastest.Fault{
		"sent, and the answer came":      nil,
		"sent, and the answer was lost":  {DropAfter: true},
		"sent, and the answer was cut":   {CutBody: true},
		"cut before it was sent":         {DropBefore: true},
		"refused for its rate, not sent": {Throttle: true},
		"failed":                         {Status: http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, way, m := inbox(t)
			if fault != nil {
				fault.Route, fault.Method = conversations, http.MethodPost
				s.Fail(*fault)
			}
			err := way.Send(t.Context(), m)
			if (err != nil) != (fault != nil) || notify.Permanent(err) {
				t.Errorf("first sending: %v", err)
			}
			m.Resend = true
			for range 2 {
				if err := way.Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.World().Inbox("maya"); len(got) != 1 {
				t.Errorf("%d messages arrived, want 1", len(got))
			}
			// The same words about another step are another message.
			m.Key = "req_7/9/sponsor_said_yes/42"
			m.Text = strings.ReplaceAll(m.Text, "n-", "n-x")
			if err := way.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if got := s.World().Inbox("maya"); len(got) != 2 {
				t.Errorf("%d messages arrived, want 2", len(got))
			}
		})
	}
}

func TestInboxDoesNotSendBlindly(t *testing.T) {
	t.Parallel()
	s, way, m := inbox(t)
	m.Resend = true
	s.Fail(canvastest.Fault{Route: conversations, Method: http.MethodGet, Status: http.StatusServiceUnavailable})
	if err := way.Send(t.Context(), m); err == nil || notify.Permanent(err) {
		t.Errorf("it could not look: %v", err)
	}
	if got := s.World().Inbox("maya"); len(got) != 0 {
		t.Errorf("%d messages arrived", len(got))
	}
}

func TestWhichInboxErrorsArePermanent(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) canvastest.Fault {
		return canvastest.Fault{Route: conversations, Method: http.MethodPost, Status: status, Body: body}
	}
	for name, tc := range map[string]struct {
		fault     canvastest.Fault
		change    func(*notify.Message)
		permanent bool
	}{
		"a person who cannot be written to": {answer(400, `[{"attribute":"recipients","message":"invalid"}]`), nil, true},
		"a person without a Canvas id":      {canvastest.Fault{}, func(m *notify.Message) { m.To.CanvasUserID = "" }, true},
		"an id that is none":                {canvastest.Fault{}, func(m *notify.Message) { m.To.CanvasUserID = "maya" }, true},
		"a credential without the right":    {answer(403, `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`), nil, false},
		"a credential that has expired":     {answer(401, `{"errors":[{"message":"Expired access token."}]}`), nil, false},
		"a wish for another user agent":     {answer(403, `{"error":"Forbidden","message":"you have not provided a valid user agent."}`), nil, false},
		"a failure":                         {answer(500, ``), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, way, m := inbox(t)
			if tc.fault.Status != 0 {
				s.Fail(tc.fault)
			}
			if tc.change != nil {
				tc.change(&m)
			}
			err := way.Send(t.Context(), m)
			if err == nil || notify.Permanent(err) != tc.permanent {
				t.Errorf("err = %v, permanent %v; want %v", err, notify.Permanent(err), tc.permanent)
			}
			if m.To.CanvasUserID == "" && !errors.Is(err, notify.ErrNoAddress) {
				t.Errorf("no id: %v", err)
			}
			if strings.Contains(err.Error(), s.World().ServiceToken()) {
				t.Error("the error holds the credential")
			}
		})
	}
}
