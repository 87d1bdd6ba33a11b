package main

import (
	"net/url"
	"strings"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// seat is where somebody opens the tool: a person and a place in Canvas.
type seat struct {
	Key  string // of the person, in the stand-in's world
	Name string
	Role string
	Text string
	Href string // signs in and lands there

	place string // path of the page that frames the tool; "" is the dashboard
}

// Initials are for the round picture beside a name.
func (s seat) Initials() string {
	var b strings.Builder
	for part := range strings.FieldsSeq(s.Name) {
		b.WriteString(part[:1])
	}
	return b.String()
}

// places are the paths of the pages that frame the tool.
type places struct{ bio, chem, root, own string }

func placesOf(w *canvastest.World, tool canvastest.ID) places {
	path := func(kind string, id canvastest.ID) string {
		return "/" + kind + "/" + id.String() + "/external_tools/" + tool.String()
	}
	return places{
		bio:  path("courses", w.Course("bio201").ID),
		chem: path("courses", w.Course("chem110").ID),
		root: path("accounts", w.Account("root").ID),
		own:  "/external_tools/" + tool.String(), // after /users/ID
	}
}

func (p places) ownOf(w *canvastest.World, key string) string {
	return "/users/" + w.User(key).ID.String() + p.own
}

// cast is who stands on the start page, in the order of the story.
func cast(w *canvastest.World, p places) []seat {
	seats := []seat{
		{Key: "maya", Role: "Student, BIO 201", Text: "Wants a token for her attendance helper. The story begins with her.", place: p.bio},
		{Key: "luca", Role: "Student, BIO 201", Text: "Has a token that works, a draft, and a request that waits for his teacher.", place: p.bio},
		{Key: "ana", Role: "Professor, BIO 201", Text: "Students ask her to stand for them.", place: p.bio},
		{Key: "tom", Role: "TA, BIO 201", Text: "Helps to teach, and cannot sponsor: only teachers can.", place: p.bio},
		{Key: "dana", Role: "Canvas admin", Text: "Decides requests.", place: p.root},
		{Key: "priya", Role: "Canvas admin", Text: "The second admin, for what takes two people.", place: p.root},
		{Key: "sam", Role: "No course, no rights", Text: "Finds out in one sentence that there is nothing for him here.", place: p.ownOf(w, "sam")},
	}
	for i := range seats {
		seats[i].Name = w.User(seats[i].Key).Name
		seats[i].Href = actAs(seats[i].Key, seats[i].place)
	}
	return seats
}

// actAs is the stand-in's address that signs in as somebody and goes on.
func actAs(key, next string) string {
	return "/standin/act-as/" + url.PathEscape(key) + "?next=" + url.QueryEscape(next)
}
