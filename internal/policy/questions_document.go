package policy

import (
	"encoding/json"
	"strconv"
)

// Members of a question in a document, besides those of every question.
var (
	everyQuestion = []string{"key", "kind", "section"}
	ofTyped       = append(everyQuestion[:3:3], "required", "least", "most")
	ofChoice      = append(everyQuestion[:3:3], "required", "options")
)

// readQuestions reads the questions of a document. A label, a help, a note and a
// condition may be missing, and the two marks of an option: then there is none.
func readQuestions(raw json.RawMessage) ([]Question, error) {
	var all []json.RawMessage
	if err := value("questions", raw, &all); err != nil {
		return nil, err
	}
	if len(all) > mostQuestions {
		return nil, wrong("questions", "are at most %d", mostQuestions)
	}
	out := make([]Question, 0, len(all))
	for i, one := range all {
		q, err := readQuestion("questions."+strconv.Itoa(i+1), one)
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

// readQuestion reads one question; place names it until its key is known.
func readQuestion(place string, raw json.RawMessage) (Question, error) {
	var q Question
	first, err := members(place, raw, anyName)
	if err != nil {
		return q, err
	}
	if err := value(place+".key", first["key"], &q.Key); err != nil {
		return q, err
	}
	field := "questions." + q.Key
	if !keyForm.MatchString(q.Key) {
		return q, wrong(place+".key", "%q is no key like tool_name", q.Key)
	}
	if err := value(field+".kind", first["kind"], &q.Kind); err != nil {
		return q, err
	}
	names := everyQuestion
	switch {
	case q.Kind.Typed():
		names = ofTyped
	case q.Kind.Chosen():
		names = ofChoice
	case q.Kind.Own():
		q.Required = true
	default:
		return q, wrong(field+".kind", "is not known")
	}
	all, err := object(field, raw, names, "when", "label", "help")
	if err != nil {
		return q, err
	}
	for _, name := range names[1:] {
		var into any
		switch name {
		case "kind":
			continue
		case "section":
			into = &q.Section
		case "required":
			into = &q.Required
		case "least":
			into = &q.Least
		case "most":
			into = &q.Most
		case "options":
			if q.Options, err = readOptions(field+".options", all[name]); err != nil {
				return q, err
			}
			continue
		}
		if err := value(field+"."+name, all[name], into); err != nil {
			return q, err
		}
	}
	if when, ok := all["when"]; ok {
		parts, err := object(field+".when", when, []string{"question", "answer"})
		if err != nil {
			return q, err
		}
		q.When = &Condition{}
		if err := value(field+".when.question", parts["question"], &q.When.Question); err != nil {
			return q, err
		}
		if err := value(field+".when.answer", parts["answer"], &q.When.Answer); err != nil {
			return q, err
		}
	}
	if q.Label, err = readWords(field+".label", all["label"]); err != nil {
		return q, err
	}
	q.Help, err = readWords(field+".help", all["help"])
	return q, err
}

func readOptions(field string, raw json.RawMessage) ([]Option, error) {
	var all []json.RawMessage
	if err := value(field, raw, &all); err != nil {
		return nil, err
	}
	if len(all) > mostOptions {
		return nil, wrong(field, "are at most %d", mostOptions)
	}
	out := make([]Option, 0, len(all))
	for i, one := range all {
		place := field + "." + strconv.Itoa(i+1)
		parts, err := object(place, one, []string{"key"}, "refused", "others", "label", "note")
		if err != nil {
			return nil, err
		}
		var o Option
		if err := value(place+".key", parts["key"], &o.Key); err != nil {
			return nil, err
		}
		if v, ok := parts["refused"]; ok {
			if err := value(place+".refused", v, &o.Refused); err != nil {
				return nil, err
			}
		}
		if v, ok := parts["others"]; ok {
			if err := value(place+".others", v, &o.Others); err != nil {
				return nil, err
			}
		}
		if o.Label, err = readWords(place+".label", parts["label"]); err != nil {
			return nil, err
		}
		if o.Note, err = readWords(place+".note", parts["note"]); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// readWords reads a text by language; raw is nil where there is none.
func readWords(field string, raw json.RawMessage) (Words, error) {
	if raw == nil {
		return nil, nil
	}
	all, err := members(field, raw, anyName)
	if err != nil {
		return nil, err
	}
	out := Words{}
	for lang, v := range all {
		var s string
		if err := value(field+"."+lang, v, &s); err != nil {
			return nil, err
		}
		out[lang] = s
	}
	if len(out) == 0 {
		return nil, wrong(field+".en", "is missing")
	}
	return out, nil
}

// writeQuestions writes questions as readQuestions reads them.
func writeQuestions(qs []Question) []any {
	out := make([]any, 0, len(qs))
	for _, q := range qs {
		one := map[string]any{"key": q.Key, "kind": q.Kind, "section": q.Section}
		switch {
		case q.Kind.Typed():
			one["required"], one["least"], one["most"] = q.Required, q.Least, q.Most
		case q.Kind.Chosen():
			options := make([]any, 0, len(q.Options))
			for _, o := range q.Options {
				opt := map[string]any{"key": o.Key}
				if o.Refused {
					opt["refused"] = true
				}
				if o.Others {
					opt["others"] = true
				}
				o.Label.put(opt, "label")
				o.Note.put(opt, "note")
				options = append(options, opt)
			}
			one["required"], one["options"] = q.Required, options
		}
		if q.When != nil {
			one["when"] = map[string]string{"question": q.When.Question, "answer": q.When.Answer}
		}
		q.Label.put(one, "label")
		q.Help.put(one, "help")
		out = append(out, one)
	}
	return out
}

func (w Words) put(into map[string]any, name string) {
	if len(w) > 0 {
		into[name] = w
	}
}
