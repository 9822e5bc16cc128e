package picture

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestFromPrometheus(t *testing.T) {
	var asked http.Request
	body := `{"status":"success","data":{"result":[{"metric":{"reason":"Synced"},"values":[[1767268800.5,"3"],[1767268801,"NaN"]]}]}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = *r
		fmt.Fprint(w, body)
	}))
	defer server.Close()
	from := time.Unix(1767268800, 0)
	data := From(t.Context(), strings.TrimPrefix(server.URL, "http://"), from, from.Add(2*time.Minute), "1m")
	series, err := data(Target{Expr: "rate(x[$__rate_interval])"})
	if err != nil || len(series) != 1 || series[0].Labels["reason"] != "Synced" || len(series[0].Points) != 2 {
		t.Fatalf("%v, %v", series, err)
	}
	if first, second := series[0].Points[0], series[0].Points[1]; first.Value != 3 || !first.At.Equal(from.Add(500*time.Millisecond)) || !math.IsNaN(second.Value) {
		t.Errorf("%v", series[0].Points)
	}
	if query := asked.URL.Query(); query.Get("query") != "rate(x[1m])" || query.Get("start") != "1767268800.000" || query.Get("end") != "1767268920.000" || query.Get("step") != "1.000" {
		t.Errorf("asked for %v", query)
	}
	body = `{"status":"error","error":"parse error"}`
	if _, err := data(Target{Expr: "x{"}); err == nil || !strings.Contains(err.Error(), "x{: parse error") {
		t.Error(err)
	}
}
