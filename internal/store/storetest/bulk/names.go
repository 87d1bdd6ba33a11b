package bulk

import (
	"fmt"
	"strings"
)

// Names in the three scripts that a search has to deal with.
var (
	given = []string{
		"Maria", "Anna", "John", "Zoë", "Łukasz", "İpek", "Søren", "Renée", "Carlos", "Aoife", "Priya", "Wei",
		"Ελένη", "Γιώργος", "Κατερίνα", "Νίκος", "Σοφία", "Αλέξανδρος", "فاطمة", "محمد", "ليلى", "يوسف", "نور", "خالد",
	}
	family = []string{
		"Smith", "García", "Novak", "Okafor", "Åberg", "Nguyen", "O'Brien", "Müller", "Kowalska", "Yılmaz", "da Silva", "Schröder",
		"Παπαδόπουλος", "Οικονόμου", "Γεωργίου", "Νικολάου", "Δημητρίου", "Κωνσταντίνου", "الحسن", "عبد الله", "المصري", "حداد", "النجار", "الخطيب",
	}
	middle = []string{"A.", "B.", "C.", "D.", "E.", "G.", "H.", "K.", "L.", "M.", "N.", "P.", "R.", "S.", "T.", "V."}
	builds = []string{
		"A small helper that tells me which assignments are due this week, and nothing else.",
		"A dashboard that shows the grades of my own section: it reads, and never writes.",
		"Export of quiz results into the statistics program of our department.",
		"Ένα πρόγραμμα που συγκεντρώνει τις ανακοινώσεις των μαθημάτων μου.",
		"برنامج صغير يجمع مواعيد التسليم في تقويم واحد.",
		"A script that checks links in course pages before the term begins; it runs once a week.",
		"Sync of my reading list with the library, for a thesis on medieval trade.",
	}
	makers   = []string{"Acme Study", "Notewise", "Βιβλίο Α.Ε.", "شركة المعرفة", "GradeBuddy", "Planner Pro", "Öğrenci Yazılım"}
	subjects = []string{"Biology", "Chemistry", "Greek Literature", "History", "Mathematics", "Physics", "Statistics", "العربية", "Φιλοσοφία", "Économie"}
)

func (f *filler) name(p int) string {
	return fmt.Sprintf("%s %s %s", given[pick("given", p, len(given))], middle[pick("middle", p, len(middle))], family[pick("family", p, len(family))])
}

// course is one of as many courses as there are people by a hundred.
func (f *filler) course(k int) (id, name, code string) {
	n := pick("course", k, max(f.Size.People/100, 20))
	subject := subjects[n%len(subjects)]
	return fmt.Sprint(3_000_000 + n), fmt.Sprintf("%s %d", subject, 100+n), fmt.Sprintf("%.3s%d", strings.ToUpper(subject), 100+n)
}
