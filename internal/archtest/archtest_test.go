package archtest_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tokendesk/tokendesk/internal/archtest"
)

const root = "../.."

func load(t *testing.T) map[string]*archtest.Package {
	t.Helper()
	mod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(mod), "\n"); first != "module "+archtest.Module {
		t.Fatalf("the rules speak about %s, go.mod says %q", archtest.Module, first)
	}
	pkgs, err := archtest.Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, wrong := range archtest.Check(load(t), archtest.Table) {
		t.Error(wrong)
	}
}

func TestNothingOutgrowsItsRoom(t *testing.T) {
	for _, wrong := range archtest.CheckSize(archtest.Shipped(load(t), archtest.Table), archtest.Sizes) {
		t.Error(wrong)
	}
}

// Every bound is seen to catch what it is for, at its first line too many.
func TestPlantedGrowthIsCaught(t *testing.T) {
	lines := func(pkg string, n int) string { return "package " + pkg + "\n" + strings.Repeat("\n", n-1) }
	methods := func(pkg, on string, n int) string {
		return "package " + pkg + "\ntype T[E any] struct{}\n" + strings.Repeat("func ("+on+") M() {}\n", n)
	}
	size := archtest.Size{
		Lines: 20, Methods: 3, Packages: map[string]int{"rows": 30}, Apart: []string{"fake", "rows.T"},
		Shrinking: map[string]int{"old": 25, "old.T": 5},
	}
	sound := map[string]string{
		"core/core.go": lines("core", 10), "core/b.go": lines("core", 10), "core/c_test.go": lines("core", 100),
		"rows/rows.go": methods("rows", "t *T[E]", 10), "rows/b.go": lines("rows", 18),
		"fake/fake.go": methods("fake", "T[E]", 40), "old/old.go": methods("old", "T[E]", 5), "old/b.go": lines("old", 18),
		"serve/a.go": methods("serve", "t *T[E]", 2), "serve/b.go": methods("serve", "T[_]", 1), "serve/c_test.go": methods("serve", "T[E]", 9),
	}
	for name, c := range map[string]struct {
		file, src string
		want      []string
	}{
		"nothing": {"core/b.go", lines("core", 10), nil},
		"a package that grew, in several files": {"core/b.go", lines("core", 11),
			[]string{"core has 21 lines outside tests, the most is 20: split it by subject"}},
		"one with a bound of its own": {"rows/b.go", lines("rows", 19),
			[]string{"rows has 31 lines outside tests, the most is 30: split it by subject"}},
		"one that may only shrink": {"old/b.go", lines("old", 19),
			[]string{"old has 26 lines outside tests, the most is 25: split it by subject"}},
		"one that has shrunk":            {"old/b.go", lines("old", 15), nil},
		"one that has shrunk enough":     {"old/b.go", lines("old", 13), []string{"old is within the bound for all, or gone: it needs no exception"}},
		"a type that grew, in two files": {"serve/b.go", methods("serve", "T[_]", 2), []string{"serve.T has 4 methods, the most is 3: give each subject a type of its own"}},
		"a type that may only shrink":    {"old/old.go", methods("old", "*T[E]", 6), []string{"old has 26 lines outside tests, the most is 25: split it by subject", "old.T has 6 methods, the most is 5: give each subject a type of its own"}},
		"a type that has shrunk enough":  {"old/old.go", methods("old", "T[E]", 3) + "\n\n", []string{"old.T is within the bound for all, or gone: it needs no exception"}},
	} {
		files := maps.Clone(sound)
		files[c.file] = c.src
		pkgs, err := planted(files)
		if err != nil {
			t.Fatal(err)
		}
		if got := archtest.CheckSize(pkgs, size); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestReservedNames(t *testing.T) {
	pkgs := archtest.Shipped(load(t), archtest.Table)
	for _, wrong := range archtest.CheckReserved(pkgs, archtest.Reserved) {
		t.Error(wrong)
	}
	for symbol, files := range archtest.Reserved {
		for _, file := range files {
			if dir := file[:strings.LastIndex(file, "/")]; pkgs[dir] == nil || !slices.Contains(pkgs[dir].Uses[symbol], file) {
				t.Errorf("%s does not use %s any more: the check sees nothing", file, symbol)
			}
		}
	}
}

func TestPlantedUsesOfReservedNames(t *testing.T) {
	const own = archtest.Module + "/"
	reserved := map[string][]string{"core.First": {"rows/new.go"}}
	for name, c := range map[string]struct{ file, src, want string }{
		"who may":                       {"rows/new.go", "package rows\nimport \"" + own + "core\"\nvar x = core.First()\n", ""},
		"a test":                        {"rows/b_test.go", "package rows\nimport \"" + own + "core\"\nvar x = core.First()\n", ""},
		"another name":                  {"rows/b.go", "package rows\nimport \"" + own + "core\"\nvar x = core.Second()\n", ""},
		"another's name":                {"rows/b.go", "package rows\nimport core \"other.example/core\"\nvar x = core.First()\n", ""},
		"another file":                  {"rows/b.go", "package rows\nimport \"" + own + "core\"\nvar x = core.First()\n", "rows/b.go uses core.First"},
		"another package":               {"serve/b.go", "package serve\nimport \"" + own + "core\"\nvar f = core.First\n", "serve/b.go uses core.First"},
		"behind another name":           {"rows/b.go", "package rows\nimport c \"" + own + "core\"\nvar x = c.First()\n", "rows/b.go uses core.First"},
		"behind no name":                {"rows/b.go", "package rows\nimport . \"" + own + "core\"\nvar x = First()\n", "rows/b.go uses core.First"},
		"its own package":               {"core/b.go", "package core\nvar x = First()\n", "core/b.go uses core.First"},
		"a file of its own declaring":   {"core/b.go", "package core\ntype T struct{}\nfunc (T) First() {}\n", ""},
		"behind a build tag, in a func": {"rows/b.go", "//go:build plan9\n\npackage rows\nimport \"" + own + "core\"\nfunc x() { _ = core.First() }\n", "rows/b.go uses core.First"},
	} {
		pkgs, err := planted(map[string]string{"core/core.go": "package core\nfunc First() int { return 1 }\nfunc Second() int { return 2 }\n", c.file: c.src})
		if err != nil {
			t.Fatal(err)
		}
		got := archtest.CheckReserved(pkgs, reserved)
		if (c.want == "") != (len(got) == 0) || (c.want != "" && !strings.Contains(strings.Join(got, "; "), c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestProductionProgramsLinkNoTestMachinery(t *testing.T) {
	pkgs := load(t)
	for _, program := range slices.Sorted(maps.Keys(archtest.NotLinked)) {
		if pkgs[program] == nil {
			t.Errorf("%s does not exist", program)
		}
		for _, wrong := range archtest.Linked(pkgs, program, archtest.NotLinked[program]) {
			t.Errorf("%s links %s", program, wrong)
		}
	}
}

// The rooms of the desk stand in one order, and each uses only those below it.
func TestRoomsUseWhatIsBelow(t *testing.T) {
	order := []string{"authority", "notices", "cases", "requests", "tokens", "governance", "leaks", "inventory", "eligibility", "massrevoke"}
	const desk = "internal/desk"
	for i, name := range order {
		room := desk + "/" + name
		rule := archtest.Table[room]
		rule.Planned = false
		rules := map[string]archtest.Rule{room: rule}
		for j, other := range append(order, "") {
			target := desk + "/" + other
			if other == "" {
				target = desk
			}
			if target == room {
				continue
			}
			pkgs, err := planted(map[string]string{room + "/x.go": "package " + name + "\nimport _ \"" + archtest.Module + "/" + target + "\"\n"})
			if err != nil {
				t.Fatal(err)
			}
			if wrong, above := archtest.Check(pkgs, rules), j > i && other != ""; (len(wrong) != 0) != above {
				t.Errorf("%s uses %s: %q", room, target, wrong)
			}
		}
	}
}

// planted is a small module with a table of its own, so that each rule is seen
// to catch what it is for.
func planted(files map[string]string) (map[string]*archtest.Package, error) {
	fsys := fstest.MapFS{}
	for name, src := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(src)}
	}
	return archtest.Load(fsys)
}

func TestPlantedViolationsAreCaught(t *testing.T) {
	const own = archtest.Module + "/"
	rules := map[string]archtest.Rule{
		"core":  {Pure: true, NoStd: []string{"net", "context"}, MayStd: []string{"net/url"}},
		"rows":  {Own: []string{"core"}, Third: []string{"gorm.io"}},
		"fake":  {TestsOnly: true, For: []string{"demo"}},
		"demo":  {Own: []string{"core", "rows", "fake"}},
		"serve": {Own: []string{"core", "rows", "fake"}},
		"rig":   {TestsOnly: true, Tests: true},
		"later": {Planned: true},
	}
	sound := map[string]string{
		"core/core.go":       "package core\nimport \"net/url\"\nvar _ url.URL\n",
		"core/core_test.go":  "package core\nimport _ \"" + own + "rows\"\n",
		"rows/rows.go":       "package rows\nimport (\n_ \"gorm.io/gorm\"\n_ \"" + own + "core\"\n)\n",
		"fake/fake.go":       "package fake\n",
		"demo/main.go":       "package main\nimport _ \"" + own + "fake\"\n",
		"serve/main.go":      "package main\nimport _ \"" + own + "rows\"\n",
		"rig/rig.go":         "package rig\nimport _ \"" + own + "fake\"\n",
		"rows/testdata/x.go": "package x\nimport _ \"no.example/such\"\n",
	}
	cases := []struct {
		name, file, src, want string
	}{
		{"an own package that the table does not allow", "core/b.go", "package core\nimport _ \"" + own + "rows\"\n", "core imports " + own + "rows"},
		{"a third-party module of another package", "core/b.go", "package core\nimport _ \"gorm.io/gorm\"\n", "core imports gorm.io/gorm"},
		{"a module whose name only begins like an allowed one", "rows/b.go", "package rows\nimport _ \"gorm.iox/gorm\"\n", "rows imports gorm.iox/gorm"},
		{"a refused part of the standard library", "core/b.go", "package core\nimport _ \"net/http\"\n", "core imports net/http"},
		{"an import behind a build tag", "core/b.go", "//go:build plan9\n\npackage core\nimport _ \"context\"\n", "core imports context"},
		{"a clock in a pure package", "core/b.go", "package core\nimport \"time\"\nvar now = time.Now\n", "core is pure"},
		{"a reader of what may be erased", "core/b.go", "package core\nimport _ \"" + own + "internal/audit\"\nfunc f(e E) string { return e.Detail.Data[\"quote\"] }\n", "core/b.go:3:29 reads the details of the audit log"},
		{"a package for tests in a program that may not have it", "serve/b.go", "package main\nimport _ \"" + own + "fake\"\n", "it is for tests only"},
		{"code of tests in a program", "serve/b.go", "package main\nimport _ \"" + own + "rig\"\n", "it is for tests only"},
		{"a planned package that was begun", "later/x.go", "package later\n", "later is planned in the table"},
		{"a package that nobody entered", "extra/x.go", "package extra\n", "extra is not in the table"},
		{"a package named after nothing", "utils/x.go", "package utils\n", "names no subject"},
		{"a file that grew too long", "core/b_test.go", "package core\n" + strings.Repeat("\n", archtest.MaxLines), "core/b_test.go has 601 lines"},
	}
	pkgs, err := planted(sound)
	if err != nil {
		t.Fatal(err)
	}
	if got := archtest.Check(pkgs, rules); len(got) != 0 {
		t.Fatalf("a sound module is refused: %q", got)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			files := maps.Clone(sound)
			files[c.file] = c.src
			pkgs, err := planted(files)
			if err != nil {
				t.Fatal(err)
			}
			got := archtest.Check(pkgs, rules)
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("not caught: want a sentence with %q, got %q", c.want, got)
			}
		})
	}
	t.Run("a row whose package is gone", func(t *testing.T) {
		files := maps.Clone(sound)
		delete(files, "fake/fake.go")
		delete(files, "demo/main.go")
		pkgs, err := planted(files)
		if err != nil {
			t.Fatal(err)
		}
		got := archtest.Check(pkgs, rules)
		if want := []string{
			"demo is in the table of import rules and does not exist",
			"fake is in the table of import rules and does not exist",
		}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("a program that links what it must not, two steps away", func(t *testing.T) {
		files := maps.Clone(sound)
		files["rows/b.go"] = "package rows\nimport _ \"" + own + "fake\"\n"
		pkgs, err := planted(files)
		if err != nil {
			t.Fatal(err)
		}
		got := archtest.Linked(pkgs, "serve", []string{"fake"})
		if want := []string{"serve → rows → fake"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("a file that does not parse", func(t *testing.T) {
		if _, err := planted(map[string]string{"core/x.go": "package core\nimport \"unclosed\n"}); err == nil {
			t.Error("it was read without an error")
		}
	})
}
