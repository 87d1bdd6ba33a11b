package launchtest

import (
	"bytes"
	"context"
	"crypto"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web"
	webhome "github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// floor is one RSA-2048 verification of a token and one decoding of its payload.
func floor(tb testing.TB, s *shots, token string) func() {
	tb.Helper()
	_, key := s.publicKey(tb)
	verify := verifier(tb, key, token)
	payload := strings.Split(token, ".")[1]
	return func() {
		verify()
		raw, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil {
			tb.Fatal(err)
		}
		var c tokenClaims
		if err := json.Unmarshal(raw, &c); err != nil {
			tb.Fatal(err)
		}
	}
}

// verifier is the verification alone.
func verifier(tb testing.TB, key *rsa.PublicKey, token string) func() {
	tb.Helper()
	dot := strings.LastIndex(token, ".")
	return func() {
		sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
		if err != nil {
			tb.Fatal(err)
		}
		sum := sha256.Sum256([]byte(token[:dot]))
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkFloor is what nobody can do without, in processor time.
func BenchmarkFloor(b *testing.B) {
	s := newShots(b, "sqlite:"+b.TempDir()+"/floor.db")
	token := s.token(random())
	_, key := s.publicKey(b)
	for name, do := range map[string]func(){"verify": verifier(b, key, token), "verify+decode": floor(b, s, token)} {
		b.Run(name, func(b *testing.B) {
			began := used(b)
			for b.Loop() {
				do()
			}
			perLaunch(b, "cpu-µs", used(b)-began)
			b.ReportMetric(float64(len(token)), "token-bytes")
		})
	}
}

func perLaunch(b *testing.B, unit string, d time.Duration) {
	b.ReportMetric(float64(d.Nanoseconds())/1000/float64(b.N), unit)
}

// firstPage renders the first page of a student as the launch does.
func firstPage(tb testing.TB) func() int {
	tb.Helper()
	words, err := text.New()
	if err != nil {
		tb.Fatal(err)
	}
	renderer, err := web.NewRenderer(words)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	sess := ui.Session{
		Caller: access.Caller{
			Via: access.ViaLaunch, Name: "Maya Chen", TimeZone: "America/New_York",
			Launch: access.Launch{LaunchedAt: now, Door: access.DoorCourse, Course: access.Course{ID: "7318824", Name: "Cell Biology", Code: "BIO 201"}, Learner: true},
		},
		School: "Northfield", Locale: "en", CanvasURL: "http://127.0.0.1:8080", Frames: []string{"http://127.0.0.1:8080"},
		Brand: ui.Brand{Primary: "#0374B5", Link: "#0374B5", Button: "#0374B5", ButtonText: "#FFFFFF"},
	}
	return func() int {
		var page bytes.Buffer
		shell := ui.Shell{
			Now: now, P: words.For("en", "America/New_York"), HasSession: true, Session: sess, Handle: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			NewTabURL: "http://127.0.0.1:8080/courses/7318824/external_tools/214866?display=borderless", Nonce: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			Nav: cases.Nav{Affiliation: policy.Student},
		}
		if err := renderer.Render(&page, ui.PageHome, webhome.NewPage(shell, cases.Home{})); err != nil {
			tb.Fatal(err)
		}
		return page.Len()
	}
}

// BenchmarkRender is the rendering of the first page alone, which the bars
// leave out.
func BenchmarkRender(b *testing.B) {
	render := firstPage(b)
	began, size := used(b), 0
	for b.Loop() {
		size = render()
	}
	perLaunch(b, "cpu-µs", used(b)-began)
	b.ReportMetric(float64(size), "page-bytes")
}

// BenchmarkSQLite is the whole launch over HTTP with SQLite, at one client.
func BenchmarkSQLite(b *testing.B) {
	s := newShots(b, "sqlite:"+b.TempDir()+"/bench.db")
	product := start(b, wholeProduct, s.dsn, s.url, s.keyFile)
	s.fire(product, s.make(20), 1)
	all := s.make(b.N)
	defer product.profile("sqlite")()
	began := product.processor()
	b.ResetTimer()
	s.fire(product, all, 1)
	b.StopTimer()
	perLaunch(b, "cpu-µs", product.processor()-began)
}

// BenchmarkPostgres is login and launch over HTTP with PostgreSQL, beside the
// reference and, of both, the part until the session is stored. The servers take
// turns, so that whatever else the machine does hits them alike. All times are
// processor time for one login or launch.
//
//	login-µs        a login, of the product as it is
//	ref-login-µs    a login, of the reference
//	together-µs     login and launch, of the product as it is
//	ref-together-µs login and launch, of the reference
//	product-µs      a launch, of the product as it is
//	reads-µs        the product without the rendering of its first page
//	reference-µs    the reference, which reads the same and renders nothing
//	render-µs       rendering the first page, alone
//	ratio           reads / reference: the bar is 1.3
//	whole-ratio     (product − render) / reference
//	session-µs      the product until the session is stored
//	ref-session-µs  the reference until then
//	session-ratio   of these two
//	launches/s      of the product alone
func BenchmarkPostgres(b *testing.B) {
	s := newShots(b, postgres(b))
	var all []*served
	for _, kind := range []string{wholeProduct, productReads, wholeReference, productSession, referenceSession} {
		one := start(b, kind, s.dsn, s.url, s.keyFile)
		s.fire(one, s.make(40), 4)
		all = append(all, one)
	}
	b.Run("clients=1", func(b *testing.B) { turns(b, s, all, 1) })
	b.Run("clients=16", func(b *testing.B) { turns(b, s, all, 16) })
}

func turns(b *testing.B, s *shots, all []*served, clients int) {
	s.school = s.in(b)
	const turn = 50
	var wall time.Duration
	cpu := map[string]time.Duration{}
	for _, one := range all {
		defer one.profile(one.kind)()
	}
	b.StopTimer()
	for left := b.N; left > 0; left -= turn {
		for _, one := range all {
			if one.kind == wholeProduct || one.kind == wholeReference {
				began := one.processor()
				s.logins(one, min(left, turn), clients)
				cpu["login of "+one.kind] += one.processor() - began
			}
			ready := s.make(min(left, turn))
			began, at := one.processor(), time.Now()
			b.StartTimer()
			s.fire(one, ready, clients)
			b.StopTimer()
			if one.kind == wholeProduct {
				wall += time.Since(at)
			}
			cpu[one.kind] += one.processor() - began
		}
	}
	cpu["together"] = cpu["login of "+wholeProduct] + cpu[wholeProduct]
	cpu["ref-together"] = cpu["login of "+wholeReference] + cpu[wholeReference]
	rendering := cpuOf(b, firstPage(b), 200)
	for kind, unit := range map[string]string{
		wholeProduct: "product-µs", productReads: "reads-µs", wholeReference: "reference-µs", productSession: "session-µs", referenceSession: "ref-session-µs",
		"login of " + wholeProduct: "login-µs", "login of " + wholeReference: "ref-login-µs", "together": "together-µs", "ref-together": "ref-together-µs",
	} {
		perLaunch(b, unit, cpu[kind])
	}
	b.ReportMetric(float64(rendering.Nanoseconds())/1000, "render-µs")
	b.ReportMetric(float64(cpu[productReads])/float64(cpu[wholeReference]), "ratio")
	b.ReportMetric(float64(cpu[wholeProduct]-rendering*time.Duration(b.N))/float64(cpu[wholeReference]), "whole-ratio")
	b.ReportMetric(float64(cpu[productSession])/float64(cpu[referenceSession]), "session-ratio")
	b.ReportMetric(float64(b.N)/wall.Seconds(), "launches/s")
}

// BenchmarkFlood is 8,000 logins that nobody completes, with PostgreSQL, beside the
// reference, in turns of 500. All times are processor time for one login. It fails
// where the flood left a row.
//
//	first-µs      a login among the first thousand, of the product
//	last-µs       a login among the last thousand
//	growth        last / first
//	ref-first-µs  and so on: the same of the reference
func BenchmarkFlood(b *testing.B) {
	s := newShots(b, postgres(b))
	product, reference := start(b, wholeProduct, s.dsn, s.url, s.keyFile), start(b, wholeReference, s.dsn, s.url, s.keyFile)
	const turn, turns, edge = 500, 16, 2
	first, last := map[*served]time.Duration{}, map[*served]time.Duration{}
	for _, one := range []*served{product, reference} {
		s.logins(one, turn, 4)
	}
	before := s.cells()
	for b.Loop() {
		for i := range turns {
			for _, one := range []*served{product, reference} {
				began := one.processor()
				s.logins(one, turn, 4)
				switch spent := one.processor() - began; {
				case i < edge:
					first[one] += spent
				case i >= turns-edge:
					last[one] += spent
				}
			}
		}
	}
	s.unchanged(before)
	for name, one := range map[string]*served{"": product, "ref-": reference} {
		n := float64(b.N * turn * edge * 1000)
		b.ReportMetric(float64(first[one].Nanoseconds())/n, name+"first-µs")
		b.ReportMetric(float64(last[one].Nanoseconds())/n, name+"last-µs")
		b.ReportMetric(float64(last[one])/float64(first[one]), name+"growth")
	}
}

// cpuOf is the processor time of one call.
func cpuOf(tb testing.TB, do func() int, n int) time.Duration {
	tb.Helper()
	began := used(tb)
	for range n {
		do()
	}
	return (used(tb) - began) / time.Duration(n)
}

// postgres makes an empty database for a benchmark, and drops it afterwards.
func postgres(tb testing.TB) (dsn string) {
	tb.Helper()
	admin := os.Getenv(storetest.URLVar)
	u, err := url.Parse(admin)
	if err != nil || admin == "" {
		tb.Skipf("%s names no server", storetest.URLVar)
	}
	name := "tokendesk_bench_" + strings.ToLower(crand.Text()[:16])
	run := func(statement string) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c, err := pgx.Connect(ctx, admin)
		if err != nil {
			tb.Fatal(err)
		}
		defer func() { _ = c.Close(ctx) }()
		if _, err := c.Exec(ctx, statement); err != nil {
			tb.Error(err)
		}
	}
	run("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8'")
	tb.Cleanup(func() { run("DROP DATABASE " + name + " WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}
