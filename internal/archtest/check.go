package archtest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Check returns one sentence for everything in pkgs that rules do not allow,
// in a stable order.
func Check(pkgs map[string]*Package, rules map[string]Rule) []string {
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	for _, dir := range slices.Sorted(maps.Keys(pkgs)) {
		p := pkgs[dir]
		for _, file := range slices.Sorted(maps.Keys(p.Lines)) {
			if n := p.Lines[file]; n > MaxLines {
				say("%s has %d lines, the most is %d: split it by subject", file, n, MaxLines)
			}
		}
		if slices.Contains(Refused, path.Base(dir)) {
			say("%s: %q names no subject", dir, path.Base(dir))
		}
		if !p.Code {
			continue
		}
		rule, ok := rules[dir]
		if !ok {
			say("%s is not in the table of import rules", dir)
			continue
		}
		if rule.Tests {
			if !rule.TestsOnly {
				say("%s is code of tests, and others may import it", dir)
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(p.Imports)) {
			if why := refuse(dir, name, rule, rules); why != "" {
				say("%s imports %s (%s): %s", dir, name, strings.Join(p.Imports[name], ", "), why)
			}
		}
		for _, file := range slices.Sorted(maps.Keys(p.Details)) {
			if (p.Imports[Module+"/internal/audit"] != nil || p.Imports[Module+"/internal/store"] != nil) && !slices.Contains(Evidence, file) {
				say("%s reads the details of the audit log, which may be erased: what anything depends on stands with its object", strings.Join(p.Details[file], ", "))
			}
		}
		if rule.Pure {
			for _, at := range p.Clocks {
				say("%s is pure and takes the time as an argument: %s", dir, at)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(rules)) {
		switch p := pkgs[dir]; {
		case (p == nil || !p.Code) && !rules[dir].Planned:
			say("%s is in the table of import rules and does not exist", dir)
		case p != nil && p.Code && rules[dir].Planned:
			say("%s is planned in the table of import rules, and is there: take the mark away", dir)
		}
	}
	return said
}

// Shipped leaves out the packages that are code of tests.
func Shipped(pkgs map[string]*Package, rules map[string]Rule) map[string]*Package {
	shipped := maps.Clone(pkgs)
	maps.DeleteFunc(shipped, func(dir string, _ *Package) bool { return rules[dir].Tests })
	return shipped
}

// refuse says why dir may not import name, or "".
func refuse(dir, name string, rule Rule, rules map[string]Rule) string {
	if own, ok := strings.CutPrefix(name, Module+"/"); ok {
		target := rules[own]
		switch {
		case target.TestsOnly && !slices.Contains(target.For, dir):
			return "it is for tests only"
		case !slices.Contains(rule.Own, own):
			return "the table does not allow it"
		}
		return ""
	}
	if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") {
		if !slices.ContainsFunc(rule.Third, func(m string) bool { return below(name, m) }) {
			return "this third-party module belongs to another package, or to none"
		}
		return ""
	}
	if slices.ContainsFunc(rule.NoStd, func(m string) bool { return below(name, m) }) && !slices.Contains(rule.MayStd, name) {
		return "this part of the standard library is refused here"
	}
	return ""
}

func below(name, root string) bool { return name == root || strings.HasPrefix(name, root+"/") }

// Linked returns what root links of refused, each with the chain of imports
// that leads to it.
func Linked(pkgs map[string]*Package, root string, refused []string) []string {
	var said []string
	via := map[string]string{root: ""}
	for todo := []string{root}; len(todo) > 0; {
		dir := todo[0]
		todo = todo[1:]
		p := pkgs[dir]
		if p == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(p.Imports)) {
			next := strings.TrimPrefix(name, Module+"/")
			if _, seen := via[next]; seen {
				continue
			}
			via[next] = dir
			if slices.Contains(refused, next) {
				said = append(said, chain(via, next))
			}
			if next != name {
				todo = append(todo, next)
			}
		}
	}
	return said
}

func chain(via map[string]string, at string) string {
	steps := []string{at}
	for via[at] != "" {
		at = via[at]
		steps = append(steps, at)
	}
	slices.Reverse(steps)
	return strings.Join(steps, " → ")
}

// CheckReserved returns one sentence for every file that uses a name which only
// others may use, in a stable order.
func CheckReserved(pkgs map[string]*Package, reserved map[string][]string) []string {
	var said []string
	for _, dir := range slices.Sorted(maps.Keys(pkgs)) {
		for _, symbol := range slices.Sorted(maps.Keys(reserved)) {
			of := symbol[:strings.LastIndex(symbol, ".")]
			for _, file := range slices.Concat(pkgs[dir].Uses[symbol], pkgs[dir].Uses[of+".*"]) {
				if !slices.Contains(reserved[symbol], file) {
					said = append(said, fmt.Sprintf("%s uses %s, which is for %s only", file, symbol, strings.Join(reserved[symbol], ", ")))
				}
			}
		}
	}
	return said
}

// CheckSize returns one sentence for every package and every type that is larger
// than size allows, and for every exception that nothing needs, in a stable order.
func CheckSize(pkgs map[string]*Package, size Size) []string {
	var said []string
	needed := map[string]bool{}
	measure := func(name string, n, bound int, of, do string) {
		most := bound
		if exception, ok := size.Shrinking[name]; ok && n > bound {
			most, needed[name] = exception, true
		}
		if n > most {
			said = append(said, fmt.Sprintf("%s has %d %s, the most is %d: %s", name, n, of, most, do))
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(pkgs)) {
		if slices.Contains(size.Apart, dir) {
			continue
		}
		lines := 0
		for file, n := range pkgs[dir].Lines {
			if !strings.HasSuffix(file, "_test.go") {
				lines += n
			}
		}
		bound := size.Lines
		if own, ok := size.Packages[dir]; ok {
			bound = own
		}
		measure(dir, lines, bound, "lines outside tests", "split it by subject")
		for _, of := range slices.Sorted(maps.Keys(pkgs[dir].Methods)) {
			if name := dir + "." + of; !slices.Contains(size.Apart, name) {
				measure(name, pkgs[dir].Methods[of], size.Methods, "methods", "give each subject a type of its own")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(size.Shrinking)) {
		if !needed[name] {
			said = append(said, fmt.Sprintf("%s is within the bound for all, or gone: it needs no exception", name))
		}
	}
	return said
}
