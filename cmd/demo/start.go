package main

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
)

//go:embed start.html start.css
var startFiles embed.FS

var startTemplate = template.Must(template.ParseFS(startFiles, "start.html"))

const startCSS = "/standin/start/start.css"

// startView is the page that the printed URL opens.
type startView struct {
	CSS       string
	School    string
	CanvasURL string
	ToolURL   string
	Data      string
	Steps     []step
	People    []seat
}

// step is one step of the story; Person is who takes it.
type step struct {
	Title, Text, Code string
	Person            *seat
}

func newStartView(people []seat, school, canvasURL, toolURL, data string) startView {
	by := func(key string) *seat {
		i := slices.IndexFunc(people, func(s seat) bool { return s.Key == key })
		return &people[i]
	}
	return startView{
		CSS: startCSS, School: school, CanvasURL: canvasURL, ToolURL: toolURL, Data: data, People: people,
		Steps: []step{
			{Title: "Maya asks", Text: "In her course, she opens Tokendesk, says what she will build and how long she needs it, and names Ana Ruiz as her sponsor.", Person: by("maya")},
			{Title: "Ana stands for it", Text: "The professor opens Tokendesk in the same course, reads what Maya will do, and endorses it or says why not.", Person: by("ana")},
			{Title: "Dana decides", Text: "A Canvas admin opens Tokendesk from the account’s navigation, sees what the token would really reach, and approves.", Person: by("dana")},
			{Title: "Maya collects it", Text: "Only now the token is made. She sees it once, copies it, and switches it on in her Canvas settings.", Person: by("maya")},
			{
				Title: "It works, until it ends", Text: "The token is now good for Canvas’s API. Press Revoke, and it is not.",
				Code: fmt.Sprintf("curl -H 'Authorization: Bearer TOKEN' %s/api/v1/users/self", canvasURL),
			},
		},
	}
}

// startPage serves the start page at / and its style sheet.
func startPage(v startView) (http.Handler, error) {
	var page bytes.Buffer
	if err := startTemplate.Execute(&page, v); err != nil {
		return nil, err
	}
	css, err := startFiles.ReadFile("start.css")
	if err != nil {
		return nil, err
	}
	send := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", kind)
			h.Set("Cache-Control", "no-store")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			_, _ = w.Write(body) // the reader has gone if this fails
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", send("text/html; charset=utf-8", page.Bytes()))
	mux.Handle("GET "+startCSS, send("text/css; charset=utf-8", css))
	return mux, nil
}
