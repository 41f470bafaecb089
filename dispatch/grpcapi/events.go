package grpcapi

import (
	"errors"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// eventOf reads one event of a batch. It fails only for an event that cannot be
// kept, since it lacks a name; whatever else is wrong is said in Fault.
func eventOf(in *pb.FieldEvent) (fieldwork.Submitted, error) {
	var s fieldwork.Submitted
	var err error
	if s.Event.ID, err = deviceUUID("event_id", in.GetEventId()); err != nil {
		return s, err
	}
	if s.Event.Device, err = deviceUUID("device_id", in.GetDeviceId()); err != nil {
		return s, err
	}
	s.Event.Epoch, s.Event.Seq = in.GetEpoch(), in.GetSeq()
	if s.Event.Epoch < 1 || s.Event.Seq < 1 {
		return s, dispatch.InvalidField(dispatch.ReasonEventPayloadInvalid, "seq", "epoch and seq must be at least 1")
	}
	s.Event.Kind = dispatch.EventKind(kindOf(in))
	s.Event.OccurredAt = in.GetOccurTime().AsTime()
	if err := checkShape(in); err != nil {
		s.Fault = asFault(err)
	}
	// A time that is no time cannot be kept; its row is put where no event is.
	if in.GetOccurTime() != nil && in.GetOccurTime().CheckValid() != nil {
		s.Event.OccurredAt = time.Unix(0, 0)
		s.Fault = dispatch.InvalidField(dispatch.ReasonEventOutOfRange, "occur_time", "it is no time")
	}
	if err := parseOptionalName("visit", in.GetVisit(), &s.Event.Visit); err != nil && s.Fault == nil {
		s.Fault = asFault(err)
	}
	if s.Event.BaseVersion, err = parseEtag(in.GetBaseEtag()); err != nil && s.Fault == nil {
		s.Fault = asFault(err)
	}
	if s.Fault == nil {
		s.Event.Detail, err = detailOf(in)
		if err != nil {
			s.Fault = asFault(err)
		}
	}
	return s, nil
}

// asFault says of an event what was said of a request.
func asFault(err error) *dispatch.Error {
	fault := dispatch.Refuse(dispatch.ReasonEventPayloadInvalid, "", "the event is malformed")
	var refused *dispatch.Error
	if errors.As(err, &refused) {
		fault.Message, fault.Fields = refused.Message, refused.Fields
	}
	return fault.Because(err)
}

// kindOf names what happened as the domain does: by the name of the field of the
// oneof that is set, "unknown" if none is.
func kindOf(in *pb.FieldEvent) string {
	message := in.ProtoReflect()
	oneof := message.Descriptor().Oneofs().ByName("kind")
	if field := message.WhichOneof(oneof); field != nil {
		return string(field.Name())
	}
	return "unknown"
}

var returnReasons = map[pb.ReturnReason]dispatch.ReturnReason{
	pb.ReturnReason_RETURN_REASON_PART:        dispatch.ReturnPart,
	pb.ReturnReason_RETURN_REASON_SKILL:       dispatch.ReturnSkill,
	pb.ReturnReason_RETURN_REASON_TIME:        dispatch.ReturnTime,
	pb.ReturnReason_RETURN_REASON_INFORMATION: dispatch.ReturnInformation,
	pb.ReturnReason_RETURN_REASON_DIAGNOSIS:   dispatch.ReturnDiagnosis,
	pb.ReturnReason_RETURN_REASON_ACCESS:      dispatch.ReturnAccess,
	pb.ReturnReason_RETURN_REASON_QUALITY:     dispatch.ReturnQuality,
	pb.ReturnReason_RETURN_REASON_PLANNED:     dispatch.ReturnPlanned,
}

var attachmentPurposes = map[pb.AttachmentPurpose]string{
	pb.AttachmentPurpose_ATTACHMENT_PURPOSE_PHOTO:     "photo",
	pb.AttachmentPurpose_ATTACHMENT_PURPOSE_SIGNATURE: "signature",
	pb.AttachmentPurpose_ATTACHMENT_PURPOSE_DOCUMENT:  "document",
}

// detailOf reads what an event says beyond its kind.
func detailOf(in *pb.FieldEvent) (d dispatch.EventDetail, err error) {
	switch kind := in.GetKind().(type) {
	case *pb.FieldEvent_Declined_:
		d.Reason = kind.Declined.GetReason()
	case *pb.FieldEvent_Paused_:
		d.Reason = kind.Paused.GetReason()
	case *pb.FieldEvent_ChecklistItem_:
		d.Item, d.Done, d.Text = kind.ChecklistItem.GetItem(), kind.ChecklistItem.GetDone(), kind.ChecklistItem.GetText()
	case *pb.FieldEvent_Note_:
		d.Text = kind.Note.GetText()
	case *pb.FieldEvent_Attachment_:
		d.SHA256, d.MediaType = kind.Attachment.GetSha256(), kind.Attachment.GetMediaType()
		d.Purpose = attachmentPurposes[kind.Attachment.GetPurpose()]
	case *pb.FieldEvent_PartUsed_:
		d.Parts = []dispatch.PartNeeded{{
			Part: kind.PartUsed.GetPart(), Quantity: int(kind.PartUsed.GetQuantity()), SerialNumber: kind.PartUsed.GetSerialNumber(),
		}}
	case *pb.FieldEvent_PartReturned_:
		d.Parts = []dispatch.PartNeeded{{Part: kind.PartReturned.GetPart(), Quantity: int(kind.PartReturned.GetQuantity())}}
	case *pb.FieldEvent_SerialNumberRead_:
		d.Asset, d.SerialNumber = kind.SerialNumberRead.GetAsset(), kind.SerialNumberRead.GetSerialNumber()
	case *pb.FieldEvent_TimeEntry_:
		from, until := kind.TimeEntry.GetStartTime().AsTime(), kind.TimeEntry.GetEndTime().AsTime()
		d.From, d.Until, d.Activity = &from, &until, kind.TimeEntry.GetActivity()
	case *pb.FieldEvent_ReferralLogged_:
		err = detailReferral(&d, kind.ReferralLogged.GetReferral())
	case *pb.FieldEvent_LocationReported_:
		// The point itself is not kept until there is a policy for it.
		d.Mock = kind.LocationReported.GetMock()
	default:
		endOf(&d, in)
	}
	return d, err
}

// endOf reads the details of the kinds that end a visit.
func endOf(d *dispatch.EventDetail, in *pb.FieldEvent) {
	switch kind := in.GetKind().(type) {
	case *pb.FieldEvent_NeedsReturn_:
		d.Reason, d.Text = string(returnReasons[kind.NeedsReturn.GetReason()]), kind.NeedsReturn.GetNote()
		for _, part := range kind.NeedsReturn.GetParts() {
			d.Parts = append(d.Parts, dispatch.PartNeeded{Part: part.GetPart(), Quantity: int(part.GetQuantity())})
		}
	case *pb.FieldEvent_NoAccess_:
		d.Text = kind.NoAccess.GetNote()
	case *pb.FieldEvent_Completed_:
		d.Outcome = visitOutcomes[int32(kind.Completed.GetOutcome())]
		d.Text = kind.Completed.GetNote()
	}
}

func detailReferral(d *dispatch.EventDetail, in *pb.Referral) error {
	n, err := noticedOf(in)
	d.Referral = &dispatch.ReferralNote{
		Need: n.Need, Suggestion: n.Suggestion, Service: n.Service, Urgency: n.Urgency,
		ConsentChannel: n.ConsentChannel, Estimate: n.Estimate,
	}
	return err
}
