package picture

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// steps is how many points a series has.
const steps = 120

// From gives data from the Prometheus at an address, by its API of range queries (page "HTTP API" of Prometheus).
func From(ctx context.Context, address string, from, to time.Time, rateInterval string) Data {
	return func(target Target) ([]Series, error) {
		ask := "http://" + address + "/api/v1/query_range?" + url.Values{
			"query": {target.Query(rateInterval)}, "start": {seconds(from)}, "end": {seconds(to)},
			"step": {strconv.FormatFloat(to.Sub(from).Seconds()/steps, 'f', 3, 64)},
		}.Encode()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, ask, nil)
		if err != nil {
			return nil, err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		var result struct {
			Status, Error string
			Data          struct {
				Result []struct {
					Metric map[string]string
					Values []sample
				}
			}
		}
		if err := json.NewDecoder(answer.Body).Decode(&result); err != nil {
			return nil, err
		}
		if result.Status != "success" {
			return nil, fmt.Errorf("%s: %s", target.Expr, result.Error)
		}
		var all []Series
		for _, found := range result.Data.Result {
			series := Series{Labels: found.Metric}
			for _, value := range found.Values {
				series.Points = append(series.Points, Point(value))
			}
			all = append(all, series)
		}
		return all, nil
	}
}

func seconds(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)
}

// sample is a point as Prometheus writes it: [<seconds>, "<value>"].
type sample Point

func (s *sample) UnmarshalJSON(content []byte) error {
	var at float64
	var value string
	if err := json.Unmarshal(content, &[]any{&at, &value}); err != nil {
		return err
	}
	parsed, err := strconv.ParseFloat(value, 64)
	s.At, s.Value = time.UnixMilli(int64(at*1000)), parsed
	return err
}
