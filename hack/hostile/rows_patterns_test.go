package hostile

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// expensive is a regular expression with many states: ten for each of its characters.
func expensive(length int) string { return strings.Repeat(".{0,999}", (length-1)/8) + "Z" }

// whole is a spec of one secret.
func whole(id string) v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}}
}

// guarded is a spec of one secret with guards of its keys.
func guarded(id string, guards ...v1alpha1.KeyGuard) v1alpha1.SecretSyncSpec {
	spec := whole(id)
	spec.Guards = &v1alpha1.Guards{Keys: guards}
	return spec
}

// fields is a JSON object of n fields, each with a value of that size.
func fields(n, size int) string { return fieldsNamed(n, size, "field-%d") }

func fieldsNamed(n, size int, name string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"`+name+`":"%s"`, i, strings.Repeat("x", size))
	}
	return "{" + text.String()[1:] + "}"
}

// attackOf is an attack by n SecretSyncs of one secret, which gets a new version of the same content before each of the
// victim's rotations.
func attackOf(n int, content string, spec func(id string, i int) v1alpha1.SecretSyncSpec) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		id := a.secret("db", content)
		a.syncs(n, func(i int) v1alpha1.SecretSyncSpec { return spec(id, i) })
		return func(int) { a.renew(id, content) }
	}
}

func guardsRow(name string, n int, content, pattern string, ends ...string) row {
	return row{name: name, ends: ends, attack: attackOf(n, content, func(id string, _ int) v1alpha1.SecretSyncSpec {
		return guarded(id, v1alpha1.KeyGuard{Key: "*", Pattern: pattern})
	})}
}

func fromRow(name string, n int, content string, from v1alpha1.DataFrom, ends ...string) row {
	return row{name: name, ends: ends, attack: attackOf(n, content, func(id string, _ int) v1alpha1.SecretSyncSpec {
		spec := whole(id)
		spec.DataFrom = []v1alpha1.DataFrom{from}
		return spec
	})}
}

func dataRow(name string, n int, content string, entries int, entry func(i int) v1alpha1.DataKey, ends ...string) row {
	return row{name: name, ends: ends, attack: attackOf(n, content, func(id string, _ int) v1alpha1.SecretSyncSpec {
		spec := whole(id)
		for i := range entries {
			made := entry(i)
			made.Key = fmt.Sprintf("k-%d", i)
			spec.Data = append(spec.Data, made)
		}
		return spec
	})}
}

// refusing is a row whose attacker first tries a spec that the API server must refuse.
func refusing(r row, says string, more func(*v1alpha1.SecretSyncSpec)) row {
	admitted := r.attack
	r.attack = func(a *attacker) func(int) {
		spec := whole("/nothing")
		more(&spec)
		a.refused(spec, says)
		return admitted(a)
	}
	return r
}

func renames(n int, match string) (all []v1alpha1.Rename) {
	for range n {
		all = append(all, v1alpha1.Rename{Match: match, Replace: "$0"})
	}
	return all
}

func globs(n int, of string) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", of, i))
	}
	return all
}

// finds are n SecretSyncs with many patterns each, of which some are suspended.
func finds(n, each int, suspended bool, pattern string) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		id := a.secret("db", "x")
		a.questions.Add(int64(each))
		a.syncs(n, func(int) v1alpha1.SecretSyncSpec {
			spec := v1alpha1.SecretSyncSpec{Suspend: suspended, PollInterval: &metav1.Duration{}}
			for i := range each {
				spec.DataFrom = append(spec.DataFrom, v1alpha1.DataFrom{Find: &v1alpha1.Find{NamePattern: fmt.Sprint(pattern, i)}})
			}
			return spec
		})
		return func(int) { a.renew(id, "x") }
	}
}

// nested is JSON with nested objects.
func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth) + `"x"` + strings.Repeat("}", depth)
}

func TestBesidePatterns(t *testing.T) {
	const synced, rejected, invalid, notThere = v1alpha1.ReasonSynced, v1alpha1.ReasonValueRejected, v1alpha1.ReasonInvalidValue, v1alpha1.ReasonPropertyNotFound
	long := strings.Repeat("x", 60_000)
	deep := func(int) v1alpha1.DataKey {
		return v1alpha1.DataKey{Property: strings.Repeat("a.", 499) + "z0", Optional: true}
	}
	beside(t, newSetup(t), []row{
		guardsRow("guards.keys.pattern, expensive", 8, strings.Repeat("x", 4096), expensive(1024), invalid),
		guardsRow("guards.keys.pattern, long value", 20, long, `(x+x?)+y`, rejected),
		{"guards.keys, 64 patterns of one value", attackOf(20, fields(1, 60_000), func(id string, _ int) v1alpha1.SecretSyncSpec {
			var all []v1alpha1.KeyGuard
			for i := range 64 {
				all = append(all, v1alpha1.KeyGuard{Key: "field-0" + strings.Repeat("*", i), Pattern: `x*y?x*`})
			}
			return guarded(id, all...)
		}), []string{synced, rejected}},
		{"guards.keys.key, wildcards", attackOf(10, fieldsNamed(200, 1, strings.Repeat("x", 100)+"%d"), func(id string, _ int) v1alpha1.SecretSyncSpec {
			var all []v1alpha1.KeyGuard
			for i := range 64 {
				all = append(all, v1alpha1.KeyGuard{Key: strings.Repeat("x*", 100) + fmt.Sprintf("y%d", i), Pattern: "x"})
			}
			return guarded(id, all...)
		}), []string{synced}},
		fromRow("dataFrom.rename, expensive", 10, fields(300, 20), v1alpha1.DataFrom{Rename: renames(16, expensive(512))}, synced, invalid),
		fromRow("dataFrom.rename, growing", 20, fields(10, 20), v1alpha1.DataFrom{Rename: []v1alpha1.Rename{
			{Match: "$", Replace: strings.Repeat("x", 500)}, {Match: "x", Replace: strings.Repeat("y", 500)}, {Match: "y", Replace: strings.Repeat("z", 500)}}}, invalid),
		refusing(fromRow("dataFrom.exclude, 120 of a long name", 10, fieldsNamed(1, 10, long+"%d"), v1alpha1.DataFrom{Exclude: globs(120, strings.Repeat("*x", 250))}, invalid),
			"spec.dataFrom may have at most 65536 characters", func(spec *v1alpha1.SecretSyncSpec) {
				spec.DataFrom = []v1alpha1.DataFrom{{Exclude: globs(256, strings.Repeat("*x", 250))}}
			}),
		fromRow("dataFrom.include, 256 of many names", 20, fields(3000, 1), v1alpha1.DataFrom{Include: globs(256, strings.Repeat("f*", 100)+"q")}, invalid, notThere),
		refusing(dataRow("data.property, deep", 8, nested(500), 120, deep, synced, invalid), "spec.data may have at most 131072 characters", func(spec *v1alpha1.SecretSyncSpec) {
			for i := range 512 {
				spec.Data = append(spec.Data, deep(i))
				spec.Data[i].Key = nameOf(i)
			}
		}),
		dataRow("data.property, 256 of 3000 fields", 10, fields(3000, 1), 256, func(i int) v1alpha1.DataKey {
			return v1alpha1.DataKey{Property: fmt.Sprintf("field-%d", i)}
		}, synced),
		dataRow("data.jmesPath, doubling", 10, `{"a":"x"}`, 1, func(int) v1alpha1.DataKey {
			return v1alpha1.DataKey{JMESPath: "@" + strings.Repeat("|[@,@]", 150)}
		}, invalid),
		dataRow("data.jmesPath, sorting", 10, `{"a":[`+strings.Repeat("1,", 30_000)+`1]}`, 64, func(int) v1alpha1.DataKey {
			return v1alpha1.DataKey{JMESPath: "sort_by(a,&max_by([@,@],&@))[-1]"}
		}, synced, invalid),
		{"find.namePattern, expensive", finds(20, 8, false, expensive(500)), []string{v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSourceFailed, invalid}},
		{"find.namePattern, suspended", finds(100, 32, true, expensive(500)), []string{v1alpha1.ReasonSuspended}},
		{"rollout.ignoreKeys, wildcards", attackOf(10, fields(200, 1), func(id string, _ int) v1alpha1.SecretSyncSpec {
			spec := whole(id)
			spec.Rollout = &v1alpha1.Rollout{IgnoreKeys: globs(64, strings.Repeat("f*", 100))}
			return spec
		}), []string{synced}},
	})
}
