package canvastest

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

type conversationMessage struct {
	id       ID
	authorID ID
	body     string
	at       time.Time
}

// conversation is a thread of the Canvas inbox. A private one has exactly two
// people and is found again by them: without force_new, a second message to
// the same person lands in the first conversation and keeps its subject.
type conversation struct {
	id       ID
	subject  string
	private  bool
	people   []ID
	context  string // "course_5", may be empty
	messages []conversationMessage
}

func (v *conversation) has(user ID) bool { return slices.Contains(v.people, user) }

func (s *Server) routeConversations() {
	s.api("POST", "/api/v1/conversations", createConversation)
	s.api("GET", "/api/v1/conversations", listConversations)
	s.api("GET", "/api/v1/conversations/batches", func(*call) reply { return ok([]object{}) })
	s.api("GET", "/api/v1/conversations/:id", showConversation)
}

// maxRecipients is Canvas's default bound on one group conversation.
const maxRecipients = 100

func conversationError(attribute, text string) reply {
	return reply{status: 400, body: []object{{"attribute": attribute, "message": text}}}
}

func createConversation(c *call) reply {
	p := c.params
	raw := p.texts("recipients")
	body, subject := p.text("body"), p.text("subject")
	forceNew, group := p.truthy("force_new"), p.truthy("group_conversation")
	contextCode := p.text("context_code")
	switch {
	case len(raw) == 0:
		return conversationError("recipients", "blank")
	case body == "":
		return conversationError("body", "blank")
	case contextCode != "" && c.contextCourse(contextCode) == nil:
		return conversationError("context_code", "invalid")
	case utf8.RuneCountInString(subject) > 255:
		return invalidAttribute("subject", "too_long", "is too long (maximum is 255 characters)")
	}
	recipients := c.recipients(raw)
	if len(recipients) == 0 {
		return conversationError("recipients", "invalid")
	}
	if len(recipients) > maxRecipients && !forceNew && (!group || !p.truthy("bulk_message")) {
		return conversationError("recipients", "too many for group conversation")
	}
	var sent []*conversation
	if group && len(recipients) > 1 && !p.truthy("bulk_message") {
		v := c.newConversation(subject, contextCode, append([]ID{c.current.ID}, recipients...), false)
		c.say(v, body)
		sent = append(sent, v)
	} else {
		for _, to := range recipients {
			v := c.privateWith(to)
			if v == nil || forceNew {
				v = c.newConversation(subject, contextCode, []ID{c.current.ID, to}, true)
			}
			c.say(v, body)
			sent = append(sent, v)
		}
	}
	batch := forceNew || len(recipients) > 1 && !group
	if batch && p.text("mode") == "async" {
		return reply{status: 202, body: []object{}}.
			with("X-Conversation-Batch-Id", c.w.newIDLocked("batch").String())
	}
	out := make([]object, len(sent))
	for i, v := range sent {
		out[i] = c.conversationObject(v, true)
	}
	return reply{status: 201, body: out}
}

func (c *call) newConversation(subject, contextCode string, people []ID, private bool) *conversation {
	v := &conversation{
		id: c.w.newIDLocked("conversation"), subject: subject, context: contextCode, people: people, private: private,
	}
	return c.w.conversations.put(v.id, v)
}

func (c *call) privateWith(other ID) *conversation {
	return c.w.conversations.find(func(v *conversation) bool {
		return v.private && v.has(c.current.ID) && v.has(other)
	})
}

func (c *call) say(v *conversation, body string) {
	v.messages = append(v.messages, conversationMessage{
		id: c.w.newIDLocked("message"), authorID: c.current.ID, body: body, at: c.now,
	})
}

func (c *call) contextCourse(code string) *Course {
	raw, isCourse := strings.CutPrefix(code, "course_")
	if !isCourse {
		return nil
	}
	return c.w.findCourseLocked(raw)
}

// recipients resolves user ids, "course_5" and "course_5_teachers", leaving
// out the sender and everybody whom the sender may not write to.
func (c *call) recipients(raw []string) []ID {
	var ids []ID
	add := func(u *User) {
		if u != nil && u.ID != c.current.ID && !slices.Contains(ids, u.ID) && c.messageable(u) {
			ids = append(ids, u.ID)
		}
	}
	for _, r := range raw {
		rest, isCourse := strings.CutPrefix(r, "course_")
		if !isCourse {
			add(c.w.findUserLocked(r, c.current))
			continue
		}
		number, kind, _ := strings.Cut(rest, "_")
		course := c.w.findCourseLocked(number)
		for e := range c.w.enrollments.all {
			inKind := kind == "" || rosterTypes[strings.TrimSuffix(kind, "s")] == e.Type
			if course != nil && e.CourseID == course.ID && e.State == StateActive && inKind {
				add(c.w.users.get(e.UserID))
			}
		}
	}
	return ids
}

func (c *call) messageable(u *User) bool {
	if u.State == StateDeleted || u.TestStudent {
		return false
	}
	if c.may(c.w.rootLocked().ID, PermSendMessages) {
		return true
	}
	return c.w.enrollments.find(func(e *Enrollment) bool {
		return e.UserID == u.ID && e.State == StateActive && c.member(c.w.courses.get(e.CourseID))
	}) != nil
}

// listConversations lists those of the caller, newest first: scope "sent"
// those the caller wrote in, the default those where somebody else did.
func listConversations(c *call) reply {
	scope := c.params.text("scope")
	rows := c.w.conversations.filter(func(v *conversation) bool {
		return v.has(c.current.ID) && slices.ContainsFunc(v.messages, func(m conversationMessage) bool {
			return (m.authorID == c.current.ID) == (scope == "sent")
		})
	})
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].last().at.After(rows[j].last().at) })
	return pagedList(c, rows, func(v *conversation) object { return c.conversationObject(v, false) })
}

func showConversation(c *call) reply {
	v := c.w.conversations.get(c.w.parseIDLocked(c.value("id")))
	if v == nil || !v.has(c.current.ID) {
		return notFound()
	}
	return ok(c.conversationObject(v, true))
}

func (v *conversation) last() *conversationMessage { return &v.messages[len(v.messages)-1] }

func (c *call) conversationObject(v *conversation, withMessages bool) object {
	var audience []ID
	people := make([]object, 0, len(v.people))
	for _, id := range v.people {
		if id != c.current.ID {
			audience = append(audience, id)
		}
		u := c.w.users.get(id)
		people = append(people, object{"id": u.ID, "name": u.Name, "full_name": u.Name, "avatar_url": nil})
	}
	courses := object{}
	if course := c.contextCourse(v.context); course != nil {
		courses[strconv.FormatInt(int64(course.ID), 10)] = []any{}
	}
	properties := []any{}
	if v.last().authorID == c.current.ID {
		properties = append(properties, "last_author")
	}
	o := object{
		"id": v.id, "subject": v.subject, "workflow_state": "read", "last_message": v.last().body,
		"last_message_at": v.last().at, "last_authored_message": v.last().body, "message_count": len(v.messages),
		"subscribed": true, "private": v.private, "starred": false, "properties": properties,
		"audience": audience, "audience_contexts": object{"courses": courses, "groups": object{}},
		"avatar_url": nil, "participants": people, "visible": true, "context_code": orNull(v.context),
	}
	if withMessages {
		messages := make([]object, 0, len(v.messages))
		for _, m := range slices.Backward(v.messages) {
			messages = append(messages, object{
				"id": m.id, "author_id": m.authorID, "created_at": m.at, "generated": false, "body": m.body,
				"forwarded_messages": []any{}, "attachments": []any{}, "media_comment": nil,
				"participating_user_ids": append([]ID(nil), v.people...),
			})
		}
		o["messages"] = messages
	}
	return o
}
