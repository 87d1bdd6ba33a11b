package ui

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// A row that the program before this one wrote is read as it was meant, so that an
// upgrade signs nobody out; how its person came is not read from it.
func TestASessionOfBefore(t *testing.T) {
	var k SessionRow
	err := json.Unmarshal([]byte(`{"session":{"tenant":"ten_a","school":"Northfield","platform":"plt_a","person":"per_a","sub":"s1","canvas_user":"11","name":"Maya",
		"door":"course","course":{"ID":"7","Name":"Biology II","Code":"BIO 201"},"context":"ctx","learner":true,"teacher":false,"roster_url":"https://a.test/r","root_gate":false,
		"no_writes":"acting","locale":"el","time_zone":"America/Denver","dyslexic":true,"brand":{"Primary":"#0374B5"},"canvas_url":"https://a.test","frames":["https://a.test"],
		"return_url":"https://a.test/back","launched_at":"2026-09-01T10:00:00Z","target":"/","Via":"system","via":"operator"},"new_tab":"https://a.test/t"}`), &k)
	if err != nil {
		t.Fatal(err)
	}
	want := Session{
		Caller: access.Caller{
			Tenant: "ten_a", Platform: "plt_a", Person: "per_a", CanvasUser: "11", Name: "Maya", TimeZone: "America/Denver", NoWrites: access.WhyActing,
			Launch: access.Launch{LaunchedAt: time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC), Sub: "s1", Door: access.DoorCourse,
				Course: access.Course{ID: "7", Name: "Biology II", Code: "BIO 201"}, Context: "ctx", Learner: true, RosterURL: "https://a.test/r"},
		},
		School: "Northfield", Locale: "el", Dyslexic: true, Brand: Brand{Primary: "#0374B5"}, CanvasURL: "https://a.test", Frames: []string{"https://a.test"}, Target: "/",
	}
	if !reflect.DeepEqual(k.Session, want) || k.NewTab != "https://a.test/t" {
		t.Errorf("read as\n%+v, want\n%+v", k.Session, want)
	}
	// And what this program writes, the one before reads: the same names.
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var names map[string]any
	if err := json.Unmarshal(b, &names); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tenant", "platform", "person", "sub", "canvas_user", "door", "course", "learner", "roster_url", "no_writes", "time_zone", "launched_at", "frames"} {
		if names[name] == nil {
			t.Errorf("%s is not written as before: %s", name, b)
		}
	}
}
