package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
)

// seeder lets the sample people use the tool before anybody looks, so that no
// list is empty. They come by launches as the stand-in would send them and do
// what pages do, by the same verbs; the clock that the tool and the stand-in share
// is set back for it, so that the story has some days behind it.
type seeder struct {
	canvas *canvastest.Server
	clock  *canvastest.Clock
	desk   *rooms.Rooms
	from   origin
	zone   *time.Location
	// settle runs the tool's due jobs, so that messages carry the day they belong to.
	settle func(context.Context) error
}

// answers are what the form asks, by the names of its questions.
type answers map[string]string

// values are the answers as the verbs take them.
func (a answers) values() access.Answers {
	v := access.Answers{}
	for key, value := range a {
		v.Set(key, value)
	}
	return v
}

func (s *seeder) run(ctx context.Context) error {
	w := s.canvas.World()
	defer s.toNow()

	// Two tokens that people made in Canvas by themselves, before the tool came.
	w.SeedToken("grace", canvastest.TokenSpec{Purpose: "Course template exporter", CreatedAt: time.Now().AddDate(0, -4, 0),
		ExpiresAt: time.Now().AddDate(0, 3, 0), LastUsed: time.Now().AddDate(0, 0, -3)})
	w.SeedToken("victor", canvastest.TokenSpec{Purpose: "Panda Planner", CreatedAt: time.Now().AddDate(-2, 0, 0)})

	s.at(8, 9, 10)
	calendar, err := s.submit(ctx, "luca", bio, answers{
		"purpose": "own_data", "build": "Deadline calendar: puts the due dates of my courses into my own calendar every night.",
		"maker": "self", "ai": "no", "data": "own", "storage": "password_manager", "sponsor": w.User("ana").ID.String(),
	}, 30) // by now it can be renewed
	if err != nil {
		return err
	}
	s.at(8, 14, 25)
	if err := s.move(ctx, "ana", bio.teaching(), calendar, access.Endorse, access.Move{Reason: "A good exercise, and only his own data."}); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}

	s.at(7, 10, 5)
	if err := s.move(ctx, "priya", office, calendar, access.Approve, access.Move{Reason: "Own data, kept in a password manager."}); err != nil {
		return err
	}
	lecture, err := s.submit(ctx, "helen", chem.teaching(), answers{
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
	if err := s.collect(ctx, "luca", bio, calendar); err != nil {
		return err
	}
	if _, err := s.submit(ctx, "grace", own, answers{
		"purpose": "administration", "build": "Enrolment report: counts the students of each course at the end of every week.",
		"maker": "school", "ai": "no", "data": "people", "storage": "school_server",
	}, 90); err != nil {
		return err
	}

	s.at(5, 11, 30)
	bot, err := s.submit(ctx, "kofi", chem, answers{
		"purpose": "coursework", "build": "Study bot: answers questions about the course from all discussions and messages.",
		"maker": "company", "maker_name": "StudyPal", "ai": "yes", "ai_service": "StudyPal",
		"ai_data": "All discussions of the course.", "data": "messages", "storage": "encrypted_config",
		"sponsor": w.User("helen").ID.String(),
	}, 60)
	if err != nil {
		return err
	}
	s.at(4, 9, 20)
	if err := s.move(ctx, "helen", chem.teaching(), bot, access.Endorse, access.Move{Reason: "I would like to see whether it helps."}); err != nil {
		return err
	}
	s.at(3, 15, 45)
	if err := s.move(ctx, "priya", office, bot, access.Deny, access.Move{
		Reason:      "It would send what classmates wrote to a company, and nobody asked them.",
		Alternative: "sandbox",
	}); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}

	gradebook, err := s.submit(ctx, "maya", bio, answers{
		"purpose": "coursework", "build": "Gradebook mirror: copies the grades of my study group into a shared sheet.",
		"maker": "self", "ai": "no", "data": "grades", "storage": "encrypted_config", "sponsor": w.User("ana").ID.String(),
	}, 40)
	if err != nil {
		return err
	}
	microscope, err := s.submit(ctx, "noor", bio, answers{
		"purpose": "coursework", "build": "Microscope log: uploads the pictures of our lab sessions to the right assignment.",
		"maker": "self", "ai": "no", "data": "own", "storage": "school_server", "sponsor": w.User("ana").ID.String(),
	}, 50)
	if err != nil {
		return err
	}
	s.at(2, 13, 15)
	if err := s.move(ctx, "ana", bio.teaching(), gradebook, access.Decline, access.Move{
		Reason: "These are other people's grades. Ask me again with your own only.",
	}); err != nil {
		return err
	}
	if err := s.move(ctx, "ana", bio.teaching(), microscope, access.Endorse, access.Move{Reason: "Part of the lab project."}); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}

	s.at(1, 10, 50)
	if err := s.move(ctx, "priya", office, lecture, access.Claim, access.Move{}); err != nil {
		return err
	}
	if _, err := s.submit(ctx, "luca", bio, answers{
		"purpose": "coursework", "build": "Reading list: collects the links of all modules so that I can read offline.",
		"maker": "self", "ai": "no", "data": "content", "storage": "password_manager", "sponsor": w.User("ana").ID.String(),
	}, 45); err != nil {
		return err
	}
	s.at(1, 16, 5)
	if err := s.draft(ctx, "luca", bio, answers{
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
	priya, err := s.as(ctx, "priya", office)
	if err != nil {
		return err
	}
	if err := s.desk.Inventory.CheckNow(ctx, priya); err != nil {
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
	photos, err := s.submit(ctx, "noor", bio, answers{
		"purpose": "coursework", "build": "Photo sorter: puts the pictures of my field trips into the folders of their assignments.",
		"maker": "self", "ai": "no", "data": "own", "storage": "password_manager", "sponsor": s.canvas.World().User("ana").ID.String(),
	}, 40)
	if err != nil {
		return err
	}
	if err := s.move(ctx, "ana", bio.teaching(), photos, access.Endorse, access.Move{Reason: "Part of the field work."}); err != nil {
		return err
	}
	if err := s.move(ctx, "priya", office, photos, access.Approve, access.Move{}); err != nil {
		return err
	}
	if err := s.collect(ctx, "noor", bio, photos); err != nil {
		return err
	}
	return s.reportLeak(ctx, "noor", bio, photos, "priya", "It stood in a screenshot in the class chat, for an hour. The chat was deleted.")
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
