// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace {

/// `message` without the fields that this program does not know, nested ones included. Protobuf
/// keeps them otherwise: nobody checks them, and other sites would be sent them.
template <typename Message>
Message WithKnownFields(Message message) {
  message.DiscardUnknownFields();
  return message;
}

}  // namespace millrace
