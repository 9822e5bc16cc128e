package localaws

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// sqsTarget is the prefix of the X-Amz-Target of SQS.
const sqsTarget = "AmazonSQS"

// queueCall is a call of SQS.
type queueCall struct {
	*request
	ctx context.Context
	// base is the server's URL as the client uses it: queues' URLs begin with it.
	base string
}

// queueOperation runs a call of SQS, or refuses it. The mutex is held.
type queueOperation func(*Server, *queueCall) (any, error)

// queueOperations are the operations of SQS, by name.
func queueOperations() map[string]queueOperation {
	return map[string]queueOperation{
		"CreateQueue":                  onQueueInput((*Server).createQueue),
		"GetQueueUrl":                  onQueueInput((*Server).getQueueURL),
		"ListQueues":                   onQueueInput((*Server).listQueues),
		"GetQueueAttributes":           onQueue((*Server).getQueueAttributes),
		"SetQueueAttributes":           onQueue((*Server).setQueueAttributes),
		"DeleteQueue":                  onQueue((*Server).deleteQueue),
		"PurgeQueue":                   onQueue((*Server).purgeQueue),
		"SendMessage":                  onQueue((*Server).sendMessage),
		"SendMessageBatch":             onQueue((*Server).sendMessageBatch),
		"ReceiveMessage":               onQueue((*Server).receiveMessage),
		"DeleteMessage":                onQueue((*Server).deleteMessage),
		"DeleteMessageBatch":           onQueue((*Server).deleteMessageBatch),
		"ChangeMessageVisibility":      onQueue((*Server).changeMessageVisibility),
		"ChangeMessageVisibilityBatch": onQueue((*Server).changeMessageVisibilityBatch),
	}
}

// byURL is the part of an input that names a queue.
type byURL struct{ QueueUrl string }

func (b *byURL) url() string { return b.QueueUrl }

// addressing are inputs that contain byURL.
type addressing[I any] interface {
	*I
	url() string
}

func onQueueInput[I any](work func(*Server, *queueCall, *I) (any, error)) queueOperation {
	return func(s *Server, call *queueCall) (any, error) {
		input := new(I)
		if err := call.decode(input); err != nil {
			return nil, err
		}
		return work(s, call, input)
	}
}

// onQueue makes an operation of a function of a queue that the caller may use for it.
func onQueue[I any, P addressing[I]](work func(*Server, *queueCall, *queue, *I) (any, error)) queueOperation {
	return onQueueInput(func(s *Server, call *queueCall, input *I) (any, error) {
		on, err := s.findQueue(call, P(input).url())
		if err != nil {
			return nil, err
		}
		return work(s, call, on, input)
	})
}

// findQueue finds a queue by its URL, whose host does not matter, if the caller may use it. Queues of
// other regions are not found.
func (s *Server) findQueue(call *queueCall, address string) (*queue, error) {
	parsed, err := url.Parse(address)
	if err != nil || address == "" {
		return nil, refuse("InvalidAddress", "The address %s is not valid for this endpoint.", address)
	}
	account, name, _ := strings.Cut(strings.Trim(parsed.Path, "/"), "/")
	at := place{account: account, region: call.at.region}
	found := s.queues[at][name]
	if err := s.allowQueue(call, queueARN(at, name), found); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, noQueue()
	}
	return found, nil
}

func noQueue() error { return refuse("QueueDoesNotExist", "The specified queue does not exist.") }

// sqsAction is the action of an operation. Batches have no permission of their own (page "Amazon SQS API
// permissions").
func sqsAction(operation string) string { return "sqs:" + strings.TrimSuffix(operation, "Batch") }

// allowQueue returns an error unless a call on a queue is allowed. SQS writes the action of a denial in lower case.
func (s *Server) allowQueue(call *queueCall, arn string, on *queue) error {
	action := sqsAction(call.operation)
	if because := s.ruledOut(call.caller, action, arn); because != "" {
		return queueDenial(call, action, arn, because)
	}
	if call.as == nil {
		if account := accountOf(arn); account != call.caller.Account {
			return queueDenial(call, action, arn, "because no resource-based policy allows the "+action+" action")
		}
		return nil
	}
	asked := s.authorization(call.request, action, arn, nil)
	asked.Account = accountOf(arn)
	asked.Context.Set("aws:ResourceAccount", asked.Account)
	all := call.as.with(nil)
	if on != nil {
		all = call.as.with(on.policy)
	}
	if decision := all.Decide(asked); !decision.Allowed {
		return queueDenial(call, action, arn, decision.Because)
	}
	return nil
}

func queueDenial(call *queueCall, action, arn, because string) error {
	lower := strings.ToLower(action)
	return denial(call.request, lower, arn, strings.ReplaceAll(because, action, lower))
}

// serveSQS answers the JSON protocol of SQS.
func (s *Server) serveSQS(w http.ResponseWriter, r *http.Request, call *request) {
	answer, err := s.sqs(r, call)
	s.record(call, err)
	if errors.Is(err, errCut) {
		panic(http.ErrAbortHandler)
	}
	if errors.Is(err, errHalf) {
		writeHalf(w, answer)
	}
	writeSQS(w, answer, err)
}

func (s *Server) sqs(r *http.Request, call *request) (any, error) {
	operation, known := queueOperations()[call.operation]
	if !known {
		return nil, refuse("UnknownOperationException", "")
	}
	p := jsonProtocol()
	p.service = "sqs"
	err := s.reach(r, call, p.service)
	if err == nil {
		err = s.authenticate(r, call, p)
	}
	if err == nil {
		err = s.beforeCall(r.Context(), call)
	}
	if err != nil && !errors.Is(err, errHalf) {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer, refused := operation(s, &queueCall{request: call, ctx: r.Context(), base: "http://" + r.Host})
	if refused != nil {
		return nil, refused
	}
	return answer, err
}

// queryCodes are the codes of errors in the former Query protocol. SDKs still read them from a header.
func queryCodes() map[string]string {
	return map[string]string{
		"QueueDoesNotExist":                 "AWS.SimpleQueueService.NonExistentQueue",
		"QueueNameExists":                   "QueueAlreadyExists",
		"EmptyBatchRequest":                 "AWS.SimpleQueueService.EmptyBatchRequest",
		"TooManyEntriesInBatchRequest":      "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
		"BatchEntryIdsNotDistinct":          "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
		"InvalidBatchEntryId":               "AWS.SimpleQueueService.InvalidBatchEntryId",
		"MessageNotInflight":                "AWS.SimpleQueueService.MessageNotInflight",
		"PurgeQueueInProgress":              "AWS.SimpleQueueService.PurgeQueueInProgress",
		"ReceiptHandleIsInvalid":            "ReceiptHandleIsInvalid",
		"InvalidAttributeName":              "InvalidAttributeName",
		"InvalidAttributeValue":             "InvalidAttributeValue",
		"InvalidAddress":                    "InvalidAddress",
		"AccessDeniedException":             "AccessDenied",
		"InvalidParameterValueException":    "InvalidParameterValue",
		"MissingRequiredParameterException": "MissingParameter",
		"UnrecognizedClientException":       "InvalidClientTokenId",
	}
}

// sqsOwn says whether an error is of SQS itself; the others are common to AWS.
func sqsOwn(code string) bool {
	return queryCodes()[code] != "" && !strings.HasSuffix(code, "Exception")
}

func writeSQS(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-RequestId", newUUID())
	if err != nil {
		var refusal *awsError
		if !errors.As(err, &refusal) {
			refusal = &awsError{code: "InternalFailure", message: err.Error(), status: http.StatusInternalServerError}
		}
		namespace, fault := "com.amazon.coral.service#", "Sender"
		if sqsOwn(refusal.code) {
			namespace = "com.amazonaws.sqs#"
		}
		if refusal.status >= http.StatusInternalServerError {
			fault = "Receiver"
		}
		if old := queryCodes()[refusal.code]; old != "" {
			w.Header().Set("X-Amzn-Query-Error", old+";"+fault)
		}
		w.WriteHeader(refusal.status)
		answer = map[string]string{"__type": namespace + refusal.code, "message": refusal.message}
	}
	if answer == nil {
		return // Some operations have an empty answer.
	}
	_ = json.NewEncoder(w).Encode(answer) // An error means that the client is gone.
}

type queueURLAnswer struct{ QueueUrl string }

func (c *queueCall) urlOf(q *queue) string { return c.base + "/" + q.Account + "/" + q.Name }

type queueNameInput struct {
	QueueName, QueueOwnerAWSAccountId string
	Attributes                        map[string]string
}

func (s *Server) createQueue(call *queueCall, input *queueNameInput) (any, error) {
	if !queueName.MatchString(input.QueueName) {
		return nil, wrongValue("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	old := s.queues[call.at][input.QueueName]
	if err := s.allowQueue(call, queueARN(call.at, input.QueueName), old); err != nil {
		return nil, err
	}
	if old != nil {
		for name, value := range input.Attributes {
			if s.attributes(old)[name] != value {
				return nil, refuse("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", name)
			}
		}
		return queueURLAnswer{call.urlOf(old)}, nil
	}
	made := s.newQueue(call.at, input.QueueName)
	if err := s.set(made, input.Attributes); err != nil {
		delete(s.queues[call.at], input.QueueName)
		return nil, err
	}
	return queueURLAnswer{call.urlOf(made)}, nil
}

func (s *Server) getQueueURL(call *queueCall, input *queueNameInput) (any, error) {
	at := call.at
	if input.QueueOwnerAWSAccountId != "" {
		at.account = input.QueueOwnerAWSAccountId
	}
	found := s.queues[at][input.QueueName]
	if err := s.allowQueue(call, queueARN(at, input.QueueName), found); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, noQueue()
	}
	return queueURLAnswer{call.urlOf(found)}, nil
}

type listQueuesInput struct {
	QueueNamePrefix, NextToken string
	MaxResults                 *int64
}

// queuesMost is how many queues a page of ListQueues has at most.
const queuesMost = 1000

func (s *Server) listQueues(call *queueCall, input *listQueuesInput) (any, error) {
	if err := s.allowQueue(call, queueARN(call.at, "*"), nil); err != nil {
		return nil, err
	}
	var urls []string
	for _, name := range slices.Sorted(maps.Keys(s.queues[call.at])) {
		if strings.HasPrefix(name, input.QueueNamePrefix) {
			urls = append(urls, call.urlOf(s.queues[call.at][name]))
		}
	}
	page, next, err := paginate(urls, input.NextToken, wanted(input.MaxResults, queuesMost))
	if err != nil {
		return nil, err
	}
	return struct {
		QueueUrls []string `json:",omitempty"`
		NextToken string   `json:",omitempty"`
	}{page, next}, nil
}

func (s *Server) deleteQueue(_ *queueCall, on *queue, _ *byURL) (any, error) {
	delete(s.queues[place{account: on.Account, region: on.Region}], on.Name)
	on.changes.wake()
	return nil, nil
}

func (s *Server) purgeQueue(_ *queueCall, on *queue, _ *byURL) (any, error) {
	on.messages = nil
	return nil, nil
}

func wrongValue(format string, args ...any) error {
	return refuse("InvalidParameterValueException", format, args...)
}
