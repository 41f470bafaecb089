package dispatch

// Reason is why a call was refused: one word that the wire (ErrorInfo.reason),
// the log and docs/errors.md share. The enum Reason in proto/firstfix/v1 holds
// the same words and a test compares the two. dispatch/grpcapi maps each to its
// gRPC code.
type Reason string

// Reasons about the caller.
const (
	ReasonTokenMissing        Reason = "TOKEN_MISSING"
	ReasonTokenInvalid        Reason = "TOKEN_INVALID"
	ReasonTokenExpired        Reason = "TOKEN_EXPIRED"
	ReasonTokenNotYetValid    Reason = "TOKEN_NOT_YET_VALID"
	ReasonTokenTooLarge       Reason = "TOKEN_TOO_LARGE"
	ReasonTokenWrongType      Reason = "TOKEN_WRONG_TYPE"
	ReasonLinkInvalid         Reason = "LINK_INVALID"
	ReasonAccessDenied        Reason = "ACCESS_DENIED"
	ReasonRateLimited         Reason = "RATE_LIMITED"
	ReasonNotAssigned         Reason = "NOT_ASSIGNED"
	ReasonIssuerUnavailable   Reason = "ISSUER_UNAVAILABLE"
	ReasonMethodNotAvailable  Reason = "METHOD_NOT_AVAILABLE"
	ReasonDatabaseUnavailable Reason = "DATABASE_UNAVAILABLE"
)

// Reasons about the shape of a request: each comes with field violations.
const (
	ReasonInvalidRequest         Reason = "INVALID_REQUEST"
	ReasonRequestIDMismatch      Reason = "REQUEST_ID_PAYLOAD_MISMATCH"
	ReasonTokenTampered          Reason = "TOKEN_TAMPERED"
	ReasonPageTokenInvalid       Reason = "PAGE_TOKEN_INVALID"
	ReasonPageTokenMismatch      Reason = "PAGE_TOKEN_ARGUMENT_MISMATCH"
	ReasonRangeInverted          Reason = "RANGE_INVERTED"
	ReasonRangeTooLong           Reason = "RANGE_TOO_LONG"
	ReasonFieldNotWritable       Reason = "FIELD_NOT_WRITABLE"
	ReasonWildcardMaskNotAllowed Reason = "WILDCARD_MASK_NOT_ALLOWED"
	ReasonFieldNotFilterable     Reason = "FIELD_NOT_FILTERABLE"
	ReasonLocationOutOfRange     Reason = "LOCATION_OUT_OF_RANGE"
	ReasonPolygonInvalid         Reason = "POLYGON_INVALID"
	ReasonZoneUnknown            Reason = "ZONE_UNKNOWN"
	ReasonLocalTimeDoesNotExist  Reason = "LOCAL_TIME_DOES_NOT_EXIST"
	ReasonLocalTimeAmbiguous     Reason = "LOCAL_TIME_AMBIGUOUS"
	ReasonMoneyInvalid           Reason = "MONEY_INVALID"
	ReasonURLNotAllowed          Reason = "URL_NOT_ALLOWED"
	ReasonConsentRequired        Reason = "CONSENT_REQUIRED"
	ReasonEncodingUnsupported    Reason = "ENCODING_UNSUPPORTED"
	ReasonImportRowsInvalid      Reason = "IMPORT_ROWS_INVALID"
	ReasonShiftHoursInvalid      Reason = "SHIFT_HOURS_INVALID"
	ReasonEventOutOfRange        Reason = "EVENT_OUT_OF_RANGE"
	ReasonEventPayloadInvalid    Reason = "EVENT_PAYLOAD_INVALID"
	ReasonEventIDReused          Reason = "EVENT_ID_REUSED"
	ReasonStreamConsumerTooSlow  Reason = "STREAM_CONSUMER_TOO_SLOW"
	ReasonResyncRequired         Reason = "RESYNC_REQUIRED"
	ReasonImportTooLarge         Reason = "IMPORT_TOO_LARGE"
	ReasonReferenceNotFound      Reason = "REFERENCE_NOT_FOUND"
	ReasonResourceNotFound       Reason = "RESOURCE_NOT_FOUND"
	ReasonResourceExists         Reason = "RESOURCE_EXISTS"
	ReasonInternal               Reason = "INTERNAL"
	ReasonRequestTooLarge        Reason = "REQUEST_TOO_LARGE"
	ReasonDeadlineExceeded       Reason = "DEADLINE_EXCEEDED"
	ReasonCancelled              Reason = "CANCELLED"
	ReasonServerStopping         Reason = "SERVER_STOPPING"
)

// Reasons that the state of things gives.
const (
	ReasonSlotTokenExpired     Reason = "SLOT_TOKEN_EXPIRED"
	ReasonSlotUnavailable      Reason = "SLOT_UNAVAILABLE"
	ReasonHoldExpired          Reason = "HOLD_EXPIRED"
	ReasonHoldConsumed         Reason = "HOLD_CONSUMED"
	ReasonHoldExtensionLimit   Reason = "HOLD_EXTENSION_LIMIT"
	ReasonHoldLimit            Reason = "HOLD_LIMIT"
	ReasonDuplicateSuspected   Reason = "DUPLICATE_SUSPECTED"
	ReasonTerminalState        Reason = "TERMINAL_STATE"
	ReasonMoveNotAllowed       Reason = "MOVE_NOT_ALLOWED"
	ReasonCutoffPassed         Reason = "CUTOFF_PASSED"
	ReasonTechnicianBusy       Reason = "TECHNICIAN_BUSY"
	ReasonTechnicianUnsuitable Reason = "TECHNICIAN_UNSUITABLE"
	ReasonConfirmedProtected   Reason = "CONFIRMED_BOOKING_PROTECTED"
	ReasonHasFutureJobs        Reason = "HAS_FUTURE_JOBS"
	ReasonResourceInUse        Reason = "RESOURCE_IN_USE"
	ReasonLastAdmin            Reason = "LAST_ADMIN"
	ReasonSelfReferral         Reason = "SELF_REFERRAL"
	ReasonOutOfArea            Reason = "OUT_OF_AREA"
	ReasonNothingToPay         Reason = "NOTHING_TO_PAY"
	ReasonPhotoUnreadable      Reason = "PHOTO_UNREADABLE"
	ReasonStorageUnavailable   Reason = "STORAGE_UNAVAILABLE"
	ReasonOpenCases            Reason = "OPEN_CASES"
	ReasonEndpointLimit        Reason = "ENDPOINT_LIMIT"
	ReasonStockInsufficient    Reason = "STOCK_INSUFFICIENT"
	ReasonEtagMismatch         Reason = "ETAG_MISMATCH"
	ReasonRequestInFlight      Reason = "REQUEST_IN_FLIGHT"
	ReasonTransactionConflict  Reason = "TRANSACTION_CONFLICT"
	ReasonOperationInProgress  Reason = "OPERATION_IN_PROGRESS"
)
