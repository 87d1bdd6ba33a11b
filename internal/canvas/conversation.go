package canvas

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// SubjectMax is the most characters that Canvas takes as a subject.
const SubjectMax = 255

// Message is one message for the Canvas inbox of one person. It appears as from
// the credential's user.
type Message struct {
	To      string // Canvas user id
	Subject string
	Body    string
	// Context is the course or account that the message is about, as
	// "course_5" or "account_1"; "" for none. Canvas refuses a context in
	// which the sender may not write to this person.
	Context string
}

// Sent names a message to look for.
type Sent struct {
	To      string
	Subject string
	// Marker stands in the body of this message and of no other.
	Marker string
}

// sentPages is how many pages of sent conversations with one person FindSent
// reads: the message that it looks for was sent moments ago.
const sentPages = 2

// contexts are what a message may be about.
var contexts = []string{"course", "account", "group"}

func isContext(code string) bool {
	kind, id, _ := strings.Cut(code, "_")
	return slices.Contains(contexts, kind) && idForm.MatchString(id)
}

type conversationJSON struct {
	ID       id   `json:"id"`
	Subject  raw  `json:"subject"`
	Audience []id `json:"audience"`
	Messages []struct {
		Body raw `json:"body"`
	} `json:"messages"`
}

// SendMessage puts a message into a person's inbox, as a conversation of its
// own, and returns its id ("" when Canvas took it for later delivery). Canvas
// would add it to an older conversation with the same person, under the older
// subject, unless told to start a new one (conversations_controller.rb).
//
// There is no way to make it idempotent: after Unclear, ask FindSent.
func (c *Client) SendMessage(ctx context.Context, m Message) (id string, err error) {
	const op = "send message"
	to, e := numericID(op, "recipient", m.To)
	switch {
	case e != nil:
	case strings.TrimSpace(m.Body) == "":
		e = invalid(op, "the message is empty")
	case m.Subject == "" || utf8.RuneCountInString(m.Subject) > SubjectMax:
		e = invalid(op, "the subject is empty or longer than 255 characters")
	case m.Context != "" && !isContext(m.Context):
		e = invalid(op, "the context is not a course, account or group")
	}
	if e != nil {
		return "", e
	}
	body := map[string]any{
		"recipients": []string{to}, "subject": m.Subject, "body": m.Body,
		"force_new": true, "group_conversation": false, "mode": "sync",
	}
	if m.Context != "" {
		body["context_code"] = m.Context
	}
	var made []conversationJSON
	a, err := c.do(ctx, call{op: op, method: http.MethodPost, path: "conversations", body: body}, &made)
	switch {
	case err != nil:
		return "", err
	case len(made) > 0 && made[0].ID != "":
		return string(made[0].ID), nil
	case a.status == http.StatusAccepted:
		return "", nil
	}
	return "", unreadable(op, true, a.status, "the answer is not a conversation", nil)
}

// FindSent reports whether the credential's user has sent a message to a
// person: same subject, and the marker in its body. It is the look before a
// message is sent again; false with an error means that nobody knows.
func (c *Client) FindSent(ctx context.Context, s Sent) (bool, error) {
	const op = "find sent message"
	to, e := numericID(op, "recipient", s.To)
	if e == nil && (s.Subject == "" || s.Marker == "") {
		e = invalid(op, "a subject and a marker are needed")
	}
	if e != nil {
		return false, e
	}
	rows, err := listSome[conversationJSON](ctx, c, op, "conversations",
		url.Values{"scope": {"sent"}, "filter[]": {"user_" + to}}, sentPages)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if r.ID == "" || string(r.Subject) != s.Subject || !toPerson(r, to) {
			continue
		}
		var full conversationJSON
		if err := c.get(ctx, op, "conversations/"+string(r.ID), url.Values{"auto_mark_as_read": {"false"}}, &full); err != nil {
			return false, err
		}
		for _, m := range full.Messages {
			if strings.Contains(string(m.Body), s.Marker) {
				return true, nil
			}
		}
	}
	return false, nil
}

// toPerson reports whether a conversation is with this person, as far as it
// says with whom it is.
func toPerson(r conversationJSON, to string) bool {
	if len(r.Audience) == 0 {
		return true
	}
	for _, a := range r.Audience {
		if SameID(string(a), to) {
			return true
		}
	}
	return false
}
