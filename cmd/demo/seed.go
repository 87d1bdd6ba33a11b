package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// seeder lets the sample people use the tool before anybody looks, so that no
// list is empty. Everything goes through real launches and the tool's own
// forms; the clock that the tool and the stand-in share is set back for it, so
// that the story has some days behind it.
type seeder struct {
	canvas *canvastest.Server
	clock  *canvastest.Clock
	tool   string // origin
	places places
	zone   *time.Location
	// settle runs the tool's due jobs, so that messages carry the day they belong to.
	settle func(context.Context) error
}

// answers are the form's fields.
type answers map[string]string

func (s *seeder) run(ctx context.Context) error {
	w := s.canvas.World()
	defer s.toNow()

	// Two tokens that people made in Canvas by themselves, before the tool came.
	w.SeedToken("grace", canvastest.TokenSpec{Purpose: "Course template exporter", CreatedAt: time.Now().AddDate(0, -4, 0),
		ExpiresAt: time.Now().AddDate(0, 3, 0), LastUsed: time.Now().AddDate(0, 0, -3)})
	w.SeedToken("victor", canvastest.TokenSpec{Purpose: "Panda Planner", CreatedAt: time.Now().AddDate(-2, 0, 0)})

	s.at(8, 9, 10)
	calendar, err := s.submit(ctx, "luca", s.places.bio, answers{
		"purpose": "own_data", "build": "Deadline calendar: puts the due dates of my courses into my own calendar every night.",
		"maker": "self", "ai": "no", "data": "own", "storage": "password_manager", "sponsor": w.User("ana").ID.String(),
	}, 30) // by now it can be renewed
	if err != nil {
		return err
	}
	s.at(8, 14, 25)
	if err := s.move(ctx, "ana", s.places.bio, calendar, "endorse", answers{"reason": "A good exercise, and only his own data."}); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}

	s.at(7, 10, 5)
	if err := s.move(ctx, "priya", s.places.root, calendar, "approve", answers{"reason": "Own data, kept in a password manager."}); err != nil {
		return err
	}
	lecture, err := s.submit(ctx, "helen", s.places.chem, answers{
		"purpose": "teaching", "build": "Quiz builder: a company's program writes practice questions from my lecture pages.",
		"maker": "company", "maker_name": "Quizwright Ltd", "maker_link": "https://quizwright.example",
		"ai": "yes", "ai_service": "Quizwright's own language model", "ai_data": "The text of my lecture pages, nothing about students.",
		"data": "content", "storage": "encrypted_config",
	}, 120)
	if err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}

	s.at(6, 8, 40)
	if err := s.collect(ctx, "luca", s.places.bio, calendar); err != nil {
		return err
	}
	if _, err := s.submit(ctx, "grace", s.places.ownOf(w, "grace"), answers{
		"purpose": "administration", "build": "Enrolment report: counts the students of each course at the end of every week.",
		"maker": "school", "ai": "no", "data": "people", "storage": "school_server",
	}, 90); err != nil {
		return err
	}

	s.at(5, 11, 30)
	bot, err := s.submit(ctx, "kofi", s.places.chem, answers{
		"purpose": "coursework", "build": "Study bot: answers questions about the course from all discussions and messages.",
		"maker": "company", "maker_name": "StudyPal", "ai": "yes", "ai_service": "StudyPal",
		"ai_data": "All discussions of the course.", "data": "messages", "storage": "encrypted_config",
		"sponsor": w.User("helen").ID.String(),
	}, 60)
	if err != nil {
		return err
	}
	s.at(4, 9, 20)
	if err := s.move(ctx, "helen", s.places.chem, bot, "endorse", answers{"reason": "I would like to see whether it helps."}); err != nil {
		return err
	}
	s.at(3, 15, 45)
	if err := s.move(ctx, "priya", s.places.root, bot, "deny", answers{
		"reason":      "It would send what classmates wrote to a company, and nobody asked them.",
		"alternative": "sandbox",
	}); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}

	gradebook, err := s.submit(ctx, "maya", s.places.bio, answers{
		"purpose": "coursework", "build": "Gradebook mirror: copies the grades of my study group into a shared sheet.",
		"maker": "self", "ai": "no", "data": "grades", "storage": "encrypted_config", "sponsor": w.User("ana").ID.String(),
	}, 40)
	if err != nil {
		return err
	}
	microscope, err := s.submit(ctx, "noor", s.places.bio, answers{
		"purpose": "coursework", "build": "Microscope log: uploads the pictures of our lab sessions to the right assignment.",
		"maker": "self", "ai": "no", "data": "own", "storage": "school_server", "sponsor": w.User("ana").ID.String(),
	}, 50)
	if err != nil {
		return err
	}
	s.at(2, 13, 15)
	if err := s.move(ctx, "ana", s.places.bio, gradebook, "decline", answers{
		"reason": "These are other people's grades. Ask me again with your own only.",
	}); err != nil {
		return err
	}
	if err := s.move(ctx, "ana", s.places.bio, microscope, "endorse", answers{"reason": "Part of the lab project."}); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}

	s.at(1, 10, 50)
	if err := s.move(ctx, "priya", s.places.root, lecture, "claim", nil); err != nil {
		return err
	}
	if _, err := s.submit(ctx, "luca", s.places.bio, answers{
		"purpose": "coursework", "build": "Reading list: collects the links of all modules so that I can read offline.",
		"maker": "self", "ai": "no", "data": "content", "storage": "password_manager", "sponsor": w.User("ana").ID.String(),
	}, 45); err != nil {
		return err
	}
	s.at(1, 16, 5)
	if err := s.draft(ctx, "luca", s.places.bio, answers{
		"purpose": "research", "build": "Survey helper: not sure yet what it needs.",
	}); err != nil {
		return err
	}
	if err := s.leak(ctx); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}
	return s.check(ctx)
}

// check lets an admin press Check now, a moment ago: the report needs some looks.
func (s *seeder) check(ctx context.Context) error {
	s.set(time.Now().Add(-2 * time.Minute))
	if err := s.looks(ctx); err != nil { // whatever the nights began is done first
		return err
	}
	b, err := s.as(ctx, "priya", s.places.root)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.post(ctx, s.tool+"/unmanaged/check", nil); err != nil {
		return fmt.Errorf("priya checks all tokens: %w", err)
	}
	return s.looks(ctx)
}

// looks lets some seconds pass for what asks Canvas more than once.
func (s *seeder) looks(ctx context.Context) error {
	for range 5 {
		if err := s.settled(ctx); err != nil {
			return err
		}
		s.clock.Advance(10 * time.Second)
	}
	return nil
}

// leak lets a token of Noor's be reported and cleared, so that Leaks has one.
func (s *seeder) leak(ctx context.Context) error {
	photos, err := s.submit(ctx, "noor", s.places.bio, answers{
		"purpose": "coursework", "build": "Photo sorter: puts the pictures of my field trips into the folders of their assignments.",
		"maker": "self", "ai": "no", "data": "own", "storage": "password_manager", "sponsor": s.canvas.World().User("ana").ID.String(),
	}, 40)
	if err != nil {
		return err
	}
	if err := s.move(ctx, "ana", s.places.bio, photos, "endorse", answers{"reason": "Part of the field work."}); err != nil {
		return err
	}
	if err := s.move(ctx, "priya", s.places.root, photos, "approve", nil); err != nil {
		return err
	}
	if err := s.collect(ctx, "noor", s.places.bio, photos); err != nil {
		return err
	}
	if err := s.press(ctx, "noor", s.places.bio, "/", "/tokens/", "/leak", nil); err != nil {
		return err
	}
	return s.press(ctx, "priya", s.places.root, "/leaks", "/leaks/", "/clear", answers{"reason": "It stood in a screenshot in the class chat, for an hour. The chat was deleted."})
}

// press posts to the first object that a list links to.
func (s *seeder) press(ctx context.Context, key, place, list, prefix, do string, a answers) error {
	b, err := s.as(ctx, key, place)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.send(ctx, http.MethodGet, s.tool+list, nil); err != nil {
		return err
	}
	m := regexp.MustCompile(`href="(` + prefix + `(?:grt|inc)_[A-Z2-7]+)`).FindStringSubmatch(b.page.body)
	if m == nil {
		return fmt.Errorf("%s finds nothing on %s", key, list)
	}
	return b.decide(ctx, s.tool+m[1], do, a.fields())
}

// at sets the shared clock to a time of day, so many working days ago.
func (s *seeder) at(daysAgo, hour, minute int) {
	day := time.Now().In(s.zone)
	for daysAgo > 0 {
		day = day.AddDate(0, 0, -1)
		if d := day.Weekday(); d != time.Saturday && d != time.Sunday {
			daysAgo--
		}
	}
	s.set(time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, s.zone))
}

func (s *seeder) toNow() { s.set(time.Now()) }

func (s *seeder) set(to time.Time) { s.clock.Advance(to.Sub(s.clock.Now())) }

func (s *seeder) settled(ctx context.Context) error {
	if err := s.settle(ctx); err != nil {
		return fmt.Errorf("settling: %w", err)
	}
	return nil
}

// as opens the tool as somebody, at a place in Canvas.
func (s *seeder) as(ctx context.Context, key, place string) (*browser, error) {
	cookies, err := s.canvas.SignIn(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	b := newBrowser()
	b.setCookies(s.canvas.InstitutionURL(), cookies)
	if err := b.open(ctx, s.canvas.InstitutionURL()+place); err != nil {
		b.close()
		return nil, fmt.Errorf("%s at %s: %w", key, place, err)
	}
	return b, nil
}

var code = regexp.MustCompile(`<h1[^>]*>[^<]*(?:<[^/][^>]*>)*[^<]*(REQ-[0-9]{4,})`)

// submit asks for a token that ends in days days and returns the request's code.
func (s *seeder) submit(ctx context.Context, key, place string, a answers, days int) (string, error) {
	fields := a.fields()
	fields.Set("do", "submit")
	fields.Set("accepted", "yes")
	fields.Set("end", s.clock.Now().In(s.zone).AddDate(0, 0, days).Format(time.DateOnly))
	b, err := s.as(ctx, key, place)
	if err != nil {
		return "", err
	}
	defer b.close()
	if err := b.post(ctx, s.tool+"/requests", fields); err != nil {
		return "", fmt.Errorf("%s asks: %w", key, err)
	}
	m := code.FindStringSubmatch(b.page.body)
	if m == nil {
		return "", fmt.Errorf("%s asks for %q: no request was made", key, a["build"])
	}
	return m[1], nil
}

func (s *seeder) draft(ctx context.Context, key, place string, a answers) error {
	fields := a.fields()
	fields.Set("do", "draft")
	b, err := s.as(ctx, key, place)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.post(ctx, s.tool+"/requests", fields); err != nil {
		return fmt.Errorf("%s writes a draft: %w", key, err)
	}
	return nil
}

// move presses one button of a request's page.
func (s *seeder) move(ctx context.Context, key, place, request, do string, a answers) error {
	b, err := s.as(ctx, key, place)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.decide(ctx, s.tool+"/requests/"+request, "/"+do, a.fields()); err != nil {
		return fmt.Errorf("%s would %s %s: %w", key, do, request, err)
	}
	return nil
}

// collect makes the token, switches it on in Canvas, and lets it be used once.
func (s *seeder) collect(ctx context.Context, key, place, request string) error {
	b, err := s.as(ctx, key, place)
	if err != nil {
		return err
	}
	defer b.close()
	at := s.tool + "/requests/" + request + "/collect"
	if err := b.post(ctx, at, nil); err != nil {
		return fmt.Errorf("%s collects %s: %w", key, request, err)
	}
	w := s.canvas.World()
	made := w.Tokens(key)
	if len(made) == 0 {
		return fmt.Errorf("%s collects %s: no token was made", key, request)
	}
	token := made[len(made)-1].ID
	if err := s.canvas.ActivateAs(key, token); err != nil {
		return err
	}
	if err := b.post(ctx, at+"/check", nil); err != nil {
		return fmt.Errorf("%s looks whether %s is active: %w", key, request, err)
	}
	w.UpdateToken(token, func(t *canvastest.Token) { t.LastUsedAt = time.Now().UTC().Add(-14 * time.Hour) })
	return nil
}

func (a answers) fields() url.Values {
	v := url.Values{}
	for name, value := range a {
		v.Set(name, value)
	}
	return v
}
