package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

func startOf(t *testing.T) (*canvastest.World, http.Handler) {
	t.Helper()
	w := canvastest.DefaultWorld(nil)
	h, err := startPage(newStartView(cast(w, placesOf(w, 5)), "Northfield University", "http://127.0.0.1:8081", "http://localhost:8080", "/tmp/x"))
	if err != nil {
		t.Fatal(err)
	}
	return w, h
}

func TestTheStartPageNamesEverybodyAndTheirPlace(t *testing.T) {
	w, h := startOf(t)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	body := rec.Body.String()
	if rec.Code != http.StatusOK || strings.Count(body, "<h1") != 1 {
		t.Fatalf("status %d, %d headings", rec.Code, strings.Count(body, "<h1"))
	}
	for _, name := range []string{"Maya Chen", "Luca Moretti", "Ana Ruiz", "Tom Becker", "Dana Ortiz", "Priya Nair", "Sam Okafor", "Stand-in Canvas"} {
		if !strings.Contains(body, name) {
			t.Errorf("%s is not on the page", name)
		}
	}
	course := "/courses/" + w.Course("bio201").ID.String() + "/external_tools/5"
	for key, next := range map[string]string{
		"maya": course, "ana": course, "tom": course,
		"dana": "/accounts/" + w.Account("root").ID.String() + "/external_tools/5",
		"sam":  "/users/" + w.User("sam").ID.String() + "/external_tools/5",
	} {
		if link := `href="/standin/act-as/` + key + "?next=" + url.QueryEscape(next) + `"`; !strings.Contains(body, link) {
			t.Errorf("no link %s", link)
		}
	}
	if m := regexp.MustCompile(`(?:src|href)="https?://[^"]*"`).FindString(body); m != "" {
		t.Errorf("the page fetches or leads elsewhere: %s", m)
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Error("a script or an inline style would not pass the page's own policy")
	}
}

func TestTheStartPagesStyleSheet(t *testing.T) {
	_, h := startOf(t)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, startCSS, nil))
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Fatalf("status %d, %s", rec.Code, rec.Header().Get("Content-Type"))
	}
	if m := regexp.MustCompile(`(?i)@import|url\((?:"|')?https?:`).FindString(rec.Body.String()); m != "" {
		t.Errorf("the style sheet fetches something: %s", m)
	}
}
