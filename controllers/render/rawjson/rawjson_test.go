package rawjson

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMembers(t *testing.T) {
	for content, want := range map[string][]string{
		`{}`:                                 nil,
		`{ "a" : 1 , "b":{"a":[1,2]} }`:      {`a=1`, `b={"a":[1,2]}`},
		`{"a":"}","a":"\"","b":[{"c":"]"}]}`: {`a="}"`, `a="\""`, `b=[{"c":"]"}]`},
		`{"\u0061":null,"":-1.5e3}`:          {`a=null`, `=-1.5e3`},
		`{"a\\":"\\","b":true}`:              {`a\="\\"`, `b=true`},
		`[{"a":1}]`:                          nil,
		`"{"`:                                nil,
	} {
		var got []string
		for _, member := range Members([]byte(content)) {
			got = append(got, member.Name+"="+string(member.Value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", content, diff)
		}
	}
}

func TestHalfPair(t *testing.T) {
	for raw, want := range map[string]bool{
		`"plain"`:              false,
		`"\u00e9"`:             false,
		`"\ud83d\ude00"`:       false,
		`"\\ud83d"`:            false,
		`"\\\ud83d"`:           true,
		`"\ud83d"`:             true,
		`"\ude00\ud83d"`:       true,
		`"\ud83d\u0041"`:       true,
		`"\ud83dx\ude00"`:      true,
		`"\ud83d\ud83d\ude00"`: true,
		`"\uD83D\uDE00!"`:      false,
	} {
		if HalfPair([]byte(raw)) != want {
			t.Errorf("%s: got %v", raw, !want)
		}
	}
}

func TestCheck(t *testing.T) {
	for content, want := range map[string]string{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}`: "",
		`["a","a"]`:                      "",
		`{"a":"a","b":"a"}`:              "",
		`{"a":1, "a":2}`:                 "at byte 9 ",
		`{"a":1,"\u0061":2}`:             "at byte 8 ",
		`[{"x":{"a":1,"b":[{}],"a":2}}]`: "at byte 23 ",
		`{"a":["\ud800"]}`:               "at byte 8 ",
		`{"\ude00":1}`:                   "at byte 3 ",
		`"\ud83d\ude00"`:                 "",
		`12`:                             "",
	} {
		err := Check([]byte(content))
		if want == "" != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", content, err, want)
		}
	}
}

// FuzzMembers holds the fields against those that encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"a":[]}`, ` {"\\":"\"}{" , "b": {"c":[1, {"d":null}]}}`, `[]`, `{"\ud800":"\udc00"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var want map[string]json.RawMessage
		if json.Unmarshal(content, &want) != nil {
			return
		}
		got := map[string]json.RawMessage{}
		twice := false
		for _, member := range Members(content) {
			if _, there := got[member.Name]; there {
				twice = true
			}
			got[member.Name] = member.Value
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
			t.Errorf("%q (-want +got):\n%s", content, diff)
		}
		if err := Check(content); twice && err == nil {
			t.Errorf("%q has a field twice, and passes", content)
		}
	})
}
