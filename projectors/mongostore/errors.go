package mongostore

import (
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/projectors/view"
)

// Codes of MongoDB's error_codes.yml, and two older ones that have no name there.
const (
	codeBadValue             = 2
	codeFailedToParse        = 9
	codeUnauthorized         = 13
	codeTypeMismatch         = 14
	codeOverflow             = 15
	codeInvalidLength        = 16
	codeAuthenticationFailed = 18
	codeInvalidBSON          = 22
	codeIndexNotFound        = 27
	codeDocumentInvalid      = 121
	codeAtlasRefused         = 8000
	codeDocumentTooLarge     = 10334
	codeKeyTooLong           = 17280
	codeDocumentTooLargeToo  = 17419 // after an update
)

// Refused says that the server answered, and will not let us in however often we ask: a wrong password or user, or one that
// lacks the right to read and write here.
func Refused(err error) bool {
	var server mongo.ServerError
	return errors.As(err, &server) && (server.HasErrorCode(codeAuthenticationFailed) ||
		server.HasErrorCode(codeUnauthorized) || server.HasErrorCode(codeAtlasRefused))
}

// Sort gives a driver's error its place in the runner's vocabulary. What the server, or the driver's encoder, says of the
// document itself stays what it is: no retry can help. Everything else may pass: no connection, a timeout, an election, a
// majority that does not answer, a lost race for an upsert (E11000).
func Sort(err error) error {
	if err == nil || view.Known(err) {
		return err
	}
	if reason, bad := refusal(err); bad {
		return fmt.Errorf("MongoDB refuses the data: %s", reason)
	}
	return fmt.Errorf("%w: MongoDB (MONGODB_URI): %w", view.ErrStoreDown, err)
}

// refusal returns what a server said of a document. It keeps neither the document nor the command.
func refusal(err error) (reason string, bad bool) {
	var (
		command mongo.CommandError
		write   mongo.WriteException
		bulk    mongo.BulkWriteException
		marshal mongo.MarshalError
	)
	switch {
	case errors.As(err, &bulk):
		for _, e := range bulk.WriteErrors {
			if aboutData(e.Code) {
				return fmt.Sprintf("%s (code %d)", e.Message, e.Code), true
			}
		}
	case errors.As(err, &write):
		for _, e := range write.WriteErrors {
			if aboutData(e.Code) {
				return fmt.Sprintf("%s (code %d)", e.Message, e.Code), true
			}
		}
	case errors.As(err, &command):
		return fmt.Sprintf("%s (code %d)", command.Message, command.Code), aboutData(int(command.Code))
	case errors.As(err, &marshal):
		return marshal.Error(), true
	}
	return "", false
}

func aboutData(code int) bool {
	switch code {
	case codeBadValue, codeFailedToParse, codeTypeMismatch, codeOverflow, codeInvalidLength, codeInvalidBSON,
		codeDocumentInvalid, codeDocumentTooLarge, codeKeyTooLong, codeDocumentTooLargeToo:
		return true
	}
	return false
}

// IndexNotFound says that an index to be dropped is not there, or not any more.
func IndexNotFound(err error) bool {
	var server mongo.ServerError
	return errors.As(err, &server) && server.HasErrorCode(codeIndexNotFound)
}
