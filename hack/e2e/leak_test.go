package e2e

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// outputs are the outputs of managers that are gone at the end of the tests, by where they come from.
var outputs = map[string][]byte{}

// window is how many characters of a value, in any form, count as a leak.
const window = 12

// needles are all texts of a window's length by which a value is found, each with the value's number: every part of it
// as it is (values have no characters that URLs, JSON or Go escape), in capitals, in hexadecimal, and in base64,
// encoded once or twice, at any offset in a longer text. The beginnings of its digests are included, as they allow
// testing a guess.
func needles(values []string) map[string]int {
	found := map[string]int{}
	for number, value := range values {
		forms := []string{value, strings.ToUpper(value), hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))}
		for shift := range 3 {
			whole := value[shift : shift+(len(value)-shift)/3*3]
			encoded := base64.StdEncoding.EncodeToString([]byte(whole))
			forms = append(forms, encoded, base64.URLEncoding.EncodeToString([]byte(whole)))
			for again := range 3 { // For example a registry's credentials file in a manifest is encoded twice.
				forms = append(forms, base64.StdEncoding.EncodeToString([]byte(encoded[again:again+(len(encoded)-again)/3*3])))
			}
		}
		for _, form := range forms {
			for at := range len(form) - window + 1 {
				found[form[at:at+window]] = number
			}
		}
		for _, digest := range []hash.Hash{md5.New(), sha1.New(), sha256.New(), sha512.New()} {
			_, _ = digest.Write([]byte(value)) // Never fails (package hash).
			sum := digest.Sum(nil)
			found[hex.EncodeToString(sum)[:window]] = number
			found[base64.StdEncoding.EncodeToString(sum)[:window]] = number
			found[base64.URLEncoding.EncodeToString(sum)[:window]] = number
		}
	}
	return found
}

// leaks are the numbers of the values that a text contains, in order.
func leaks(content []byte, needles map[string]int) []int {
	found := map[int]bool{}
	for at := range len(content) - window + 1 {
		if number, leaked := needles[string(content[at:at+window])]; leaked {
			found[number] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// searchForValues searches for every value that a test has put into a secret in all outputs of the operator: logs,
// events, statuses, metrics, requests, and what Secrets have besides their data.
func searchForValues(ctx context.Context, w *testenv.Environment) error {
	said, err := outputsOf(ctx, w)
	if err != nil {
		return err
	}
	maps.Copy(said, outputs)
	used.Lock()
	defer used.Unlock()
	if len(used.values) == 0 {
		if flag.Lookup("test.run").Value.String() != "" {
			return nil // Not every test uses one.
		}
		return errors.New("no test used a value: the search for values would find nothing")
	}
	searched := needles(used.values)
	var found []error
	for where, content := range said {
		if len(content) == 0 && where != "requests" {
			found = append(found, fmt.Errorf("there is nothing to search in %s", where))
		}
		if numbers := leaks(content, searched); len(numbers) > 0 {
			found = append(found, fmt.Errorf("of %d values, those with the numbers %v are in %s", len(used.values), numbers, where))
		}
	}
	return errors.Join(found...)
}

// TestSearchFindsValues: the search at the end finds a value in whatever form it leaks.
func TestSearchFindsValues(t *testing.T) {
	// Similar to what value makes; its values would be searched for after the last test.
	const leaked, other = "sought-0123456789abcdef01234567", "sought-fedcba9876543210fedcba98"
	searched := needles([]string{other, leaked})
	sum := sha256.Sum256([]byte(leaked))
	for name, test := range map[string]struct {
		text string
		want []int
	}{
		"no value":                     {"a quiet line about sought-after secrets", nil},
		"too little of one":            {leaked[:window-1] + " " + leaked[len(leaked)-window+1:], nil},
		"plain":                        {"password=" + leaked, []int{1}},
		"a part":                       {"…" + leaked[9:9+window] + "…", []int{1}},
		"escaped for a URL":            {url.QueryEscape("/" + leaked + "=?"), []int{1}},
		"quoted in JSON":               {`{"line":"{\\\"password\\\":\\\"` + leaked + `\\\"}"}`, []int{1}},
		"base64":                       {base64.StdEncoding.EncodeToString([]byte(leaked)), []int{1}},
		"base64, one byte before":      {base64.StdEncoding.EncodeToString([]byte(`"` + leaked + `"`)), []int{1}},
		"base64, two bytes before":     {base64.RawURLEncoding.EncodeToString([]byte(`{"` + leaked + `"}`)), []int{1}},
		"base64 of base64":             {base64.StdEncoding.EncodeToString([]byte(`{"auth":"` + base64.StdEncoding.EncodeToString([]byte("app:"+leaked)) + `"}`)), []int{1}},
		"capitals":                     {strings.ToUpper(leaked), []int{1}},
		"hexadecimal":                  {fmt.Sprintf("%x", leaked), []int{1}},
		"hexadecimal, in capitals":     {fmt.Sprintf("%X", leaked), []int{1}},
		"a digest":                     {fmt.Sprintf("%x", sum), []int{1}},
		"a digest in base64":           {base64.StdEncoding.EncodeToString(sum[:]), []int{1}},
		"two values at the same place": {leaked + other, []int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := leaks([]byte(test.text), searched); !slices.Equal(got, test.want) {
				t.Errorf("found the values %v, want %v", got, test.want)
			}
		})
	}
}

func outputsOf(ctx context.Context, w *testenv.Environment) (map[string][]byte, error) {
	said := map[string][]byte{}
	logs, err := filepath.Glob(filepath.Join(w.Plane.Directory(), "*.log"))
	if err != nil {
		return nil, err
	}
	for _, log := range logs {
		if said[filepath.Base(log)], err = os.ReadFile(log); err != nil {
			return nil, err
		}
	}
	requests, err := w.Plane.Requests()
	if err != nil {
		return nil, err
	}
	if said["requests"], err = json.Marshal(requests); err != nil {
		return nil, err
	}
	var syncs v1alpha1.SecretSyncList
	var events eventsv1.EventList
	var secrets corev1.SecretList
	if err := errors.Join(w.Client.List(ctx, &syncs), w.Client.List(ctx, &events), w.Client.List(ctx, &secrets)); err != nil {
		return nil, err
	}
	for i := range secrets.Items {
		secrets.Items[i].Data = nil
	}
	if said["metadata of Secrets"], err = json.Marshal(secrets); err != nil {
		return nil, err
	}
	if said["SecretSyncs"], err = json.Marshal(syncs); err != nil {
		return nil, err
	}
	if said["events"], err = json.Marshal(events); err != nil {
		return nil, err
	}
	return said, nil
}

// end ends a manager by one of its methods, after keeping its metrics for the search.
func end(ctx context.Context, manager *testenv.Manager, how func(*testenv.Manager) error) error {
	metrics, err := scrape(ctx, manager)
	if err != nil {
		return fmt.Errorf("reading metrics: %w", err)
	}
	outputs[fmt.Sprintf("metrics of manager %d", len(outputs)+1)] = metrics
	if err := how(manager); err != nil {
		return fmt.Errorf("ending the manager: %w: %s", err, manager.Tail())
	}
	return nil
}

// scrape reads the metrics of a running manager, and checks that they include the operator's own.
func scrape(ctx context.Context, manager *testenv.Manager) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+manager.Metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	if err == nil && !bytes.Contains(metrics, []byte("secretsync_")) {
		err = errors.New("the manager's metrics have none of its own")
	}
	return metrics, err
}
