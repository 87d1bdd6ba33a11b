package canvastest

import (
	"strings"
	"time"
)

// Kinds of mail that Canvas sends about tokens (app/messages).
const (
	NoticeOnBehalf     = "access_token_created_on_behalf_of_user"
	NoticeSelfMade     = "manually_created_access_token_created"
	NoticeDeleted      = "access_token_deleted"
	NoticeExpiringSoon = "access_token_expiring_soon"
)

// Notice is a mail that Canvas itself would have sent.
type Notice struct {
	Kind    string    `json:"kind"`
	UserID  ID        `json:"user_id"`
	TokenID ID        `json:"token_id"`
	At      time.Time `json:"at"`
}

func (w *World) noticeLocked(kind string, t *Token) {
	w.notices = append(w.notices, Notice{Kind: kind, UserID: t.UserID, TokenID: t.ID, At: w.Clock.Now()})
}

// Notices returns the mails so far, oldest first; those that the passing of
// time causes are added as it is read.
func (w *World) Notices() []Notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warnLocked()
	return append([]Notice(nil), w.notices...)
}

// warnLocked sends the mail of E3 for manual tokens with less than seven days
// to go, once each.
func (w *World) warnLocked() {
	if !w.era.since(Era3) {
		return
	}
	now := w.Clock.Now()
	for t := range w.tokens.all {
		soon := !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(now.AddDate(0, 0, 7)) && t.ExpiresAt.After(now)
		if soon && !t.warned && t.manual() && t.State != StateDeleted {
			t.warned = true
			w.noticeLocked(NoticeExpiringSoon, t)
		}
	}
}

// Message is one message of a conversation, as a person in it sees it.
type Message struct {
	ConversationID ID        `json:"conversation_id"`
	Subject        string    `json:"subject"`
	Body           string    `json:"body"`
	AuthorID       ID        `json:"author_id"`
	At             time.Time `json:"at"`
}

// Inbox returns the messages that others sent to this user, oldest first.
func (w *World) Inbox(user string) []Message {
	return w.messages(user, func(m *conversationMessage, id ID) bool { return m.authorID != id })
}

// Sent returns the messages that this user wrote, oldest first.
func (w *World) Sent(user string) []Message {
	return w.messages(user, func(m *conversationMessage, id ID) bool { return m.authorID == id })
}

func (w *World) messages(user string, want func(*conversationMessage, ID) bool) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := must(w.userByKeyLocked(user), "user", user)
	var list []Message
	for c := range w.conversations.all {
		if !c.has(u.ID) {
			continue
		}
		for i := range c.messages {
			if m := &c.messages[i]; want(m, u.ID) {
				list = append(list, Message{
					ConversationID: c.id, Subject: strings.Clone(c.subject), Body: m.body, AuthorID: m.authorID, At: m.at,
				})
			}
		}
	}
	return list
}
