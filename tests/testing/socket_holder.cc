#include "tests/testing/socket_holder.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>
#include <vector>

#include "client_stub/spi_client/message_window.h"
#include "tests/testing/other_user.h"
#include "tests/testing/role.h"

namespace wspd::testing {
std::string TextOfInfo(const WSAPROTOCOL_INFOW& info) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(&info);
  std::string text;
  for (size_t i = 0; i < sizeof info; ++i) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", bytes[i]);
    text += digits;
  }
  return text;
}

WSAPROTOCOL_INFOW InfoFromText(const std::string& text) {
  WSAPROTOCOL_INFOW info = {};
  auto* const bytes = reinterpret_cast<unsigned char*>(&info);
  for (size_t i = 0; i < sizeof info && 2 * i < text.size(); ++i) {
    bytes[i] = static_cast<unsigned char>(
        std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  return info;
}

namespace {

// The holder's side.
class Holder {
 public:
  // As `user`, if one is given.
  explicit Holder(const std::string& user) : spi_(Spi::Load()) {
    WSPD_ROLE_CHECK(spi_ != nullptr, "load");
    // Who may not be allowed to read the library.
    if (!user.empty()) {
      WSPD_ROLE_CHECK(BecomeUser(static_cast<uid_t>(std::stoul(user))), user);
    }
    const WsaCode code = spi_->Startup();
    WSPD_ROLE_CHECK(code.ok(), ToString(code));
    receive_.overlapped.hEvent = event_.get();
  }

  std::string Do(const std::string& call) {
    std::istringstream in(call);
    in >> verb_;
    text_.clear();
    const WsaCode code = Run(&in);
    return std::to_string(code.code) + " " + text_;
  }

 private:
  template <typename T>
  static T Next(std::istringstream* in) {
    T value{};
    *in >> value;
    return value;
  }

  WsaCode Run(std::istringstream* in) {
    if (verb_ == "claim") return Claim(Next<std::string>(in));
    if (verb_ == "close") return spi_->Close(socket_);
    if (verb_ == "cleanup") return spi_->Cleanup();
    if (verb_ == "nonblocking") {
      return spi_->SetNonBlocking(socket_, Next<int>(in) != 0);
    }
    if (verb_ == "shutdown") return spi_->Shutdown(socket_, Next<int>(in));
    if (verb_ == "accept") return Accept();
    if (verb_ == "listen") return spi_->Listen(socket_);
    if (verb_ == "socket") return Socket(Next<int>(in));
    if (verb_ == "connect") {
      return spi_->ConnectNew({Family::kIpv4, Next<uint16_t>(in)}, &socket_);
    }
    if (verb_ == "bind") {
      const bool any = Next<std::string>(in) == "any";
      return Bind(any, Next<uint16_t>(in));
    }
    if (verb_ == "duplicate") return Duplicate(Next<DWORD>(in));
    if (verb_.find("event") != std::string::npos) return Events(in);
    if (verb_ == "asyncselect" || verb_.find("message") != std::string::npos) {
      return Messages(in);
    }
    if (verb_ == "setoption" || verb_ == "getoption") return Option(in);
    return Transfer(in);
  }

  WsaCode Transfer(std::istringstream* in) {
    if (verb_ == "send") return spi_->Send(socket_, Next<std::string>(in));
    if (verb_ == "sendmany") {
      const char byte = Next<char>(in);
      return SendMany(byte, Next<int>(in));
    }
    const auto size = Next<size_t>(in);
    if (verb_ == "recv") return spi_->Recv(socket_, size, &text_);
    if (verb_ == "receive") return spi_->RecvExactly(socket_, size, &text_);
    if (verb_ == "startrecv") {
      return spi_->StartRecv(socket_, &receive_, size);
    }
    WSPD_ROLE_CHECK(verb_ == "awaitrecv", verb_);
    WSPD_ROLE_CHECK(event_.Wait(), "never completed");
    text_ = receive_.buffer.substr(0, receive_.overlapped.InternalHigh);
    return {static_cast<int>(receive_.error())};
  }

  WsaCode Claim(const std::string& text) {
    WSAPROTOCOL_INFOW info = InfoFromText(text);
    return spi_->SocketFrom(&info, &socket_);
  }

  WsaCode Accept() {
    SOCKET accepted;
    const WsaCode code = spi_->Accept(socket_, &accepted);
    if (code.ok()) socket_ = accepted;
    return code;
  }

  WsaCode Socket(int type) {
    return type == SOCK_STREAM ? spi_->Socket(&socket_)
                               : spi_->DatagramSocket(&socket_);
  }

  WsaCode Bind(bool any, uint16_t port) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_port = static_cast<u_short>(port << 8 | port >> 8);
    const unsigned char loopback[4] = {127, 0, 0, 1};
    if (!any) std::memcpy(&name.sin_addr, loopback, sizeof loopback);
    int error = 0;
    if (spi_->table().lpWSPBind(socket_, reinterpret_cast<sockaddr*>(&name),
                                sizeof name, &error) != 0) {
      return {error};
    }
    Endpoint own;
    const WsaCode code = spi_->GetSockName(socket_, &own);
    text_ = std::to_string(own.port);
    return code;
  }

  WsaCode Duplicate(DWORD target) {
    WSAPROTOCOL_INFOW info = {};
    const WsaCode code = spi_->Duplicate(socket_, target, &info);
    text_ = TextOfInfo(info);
    return code;
  }

  WsaCode Events(std::istringstream* in) {
    if (verb_ == "eventselect") {
      return spi_->EventSelect(socket_, network_event_.get(), Next<LONG>(in));
    }
    if (verb_ == "eventset") {
      text_ = network_event_.IsSet() ? "1" : "0";
      return kOk;
    }
    WSPD_ROLE_CHECK(verb_ == "awaitevent", verb_);
    if (!network_event_.Wait()) return kNoErrorGiven;
    WSANETWORKEVENTS record = {};
    const WsaCode code =
        spi_->EnumNetworkEvents(socket_, network_event_.get(), &record);
    text_ = std::to_string(record.lNetworkEvents);
    return code;
  }

  WsaCode Messages(std::istringstream* in) {
    if (verb_ == "asyncselect") {
      return spi_->AsyncSelect(socket_, window_.handle(), kMessage,
                               Next<LONG>(in));
    }
    const bool waits = verb_ == "awaitmessage";
    spi_client::PostedMessage posted;
    const bool taken =
        window_.Take(&posted, waits ? kMessageDeadlineMs : DWORD{0});
    if (!waits) {
      text_ = taken ? "1" : "0";
      return kOk;
    }
    if (!taken) return kNoErrorGiven;
    text_ = std::to_string(WSAGETSELECTEVENT(posted.lparam));
    return {WSAGETSELECTERROR(posted.lparam)};
  }

  WsaCode SendMany(char byte, int count) {
    for (int i = 0; i < count; ++i) {
      char record[16];
      snprintf(record, sizeof record, "%c%07d", byte, i);
      const WsaCode code = spi_->Send(socket_, std::string(record, 8));
      if (!code.ok()) return code;
    }
    return kOk;
  }

  WsaCode Option(std::istringstream* in) {
    const int level = Next<int>(in);
    const int option = Next<int>(in);
    int value = Next<int>(in);
    if (verb_ == "setoption") {
      return spi_->SetOption(socket_, level, option, value);
    }
    const WsaCode code = spi_->GetOption(socket_, level, option, &value);
    text_ = std::to_string(value);
    return code;
  }

  static constexpr UINT kMessage = 0x401;
  static constexpr DWORD kMessageDeadlineMs = 30000;

  const std::unique_ptr<Spi> spi_;
  std::string verb_;
  std::string text_;
  SOCKET socket_ = INVALID_SOCKET;
  Event event_;
  Operation receive_;
  // Of network events.
  Event network_event_;
  spi_client::MessageWindow window_;
};

int RunHolder(Role& role) {
  Holder holder(role.arguments.empty() ? "" : role.arguments[0]);
  role.parent.Send("started");
  for (;;) {
    const std::string call = role.parent.Receive();
    if (call.empty()) return 0;
    role.parent.Send(holder.Do(call));
  }
}
const RoleRegistration kSocketHolder("SocketHolder", RunHolder);

}  // namespace

WsaCode SocketHolder::Claim(const WSAPROTOCOL_INFOW& info) {
  return Do("claim " + TextOfInfo(info)).code;
}

WsaCode SocketHolder::Duplicate(pid_t target, WSAPROTOCOL_INFOW* info) {
  const Answer answer = Do("duplicate " + std::to_string(target));
  *info = InfoFromText(answer.text);
  return answer.code;
}

SocketHolder::Answer SocketHolder::Do(const std::string& call) {
  Begin(call);
  return Finish();
}

SocketHolder::Answer SocketHolder::Finish() {
  const std::string line = process_.channel().Receive();
  const size_t space = line.find(' ');
  // The holder is gone, or says nothing.
  if (space == std::string::npos) return {kNoErrorGiven, ""};
  return {{std::stoi(line.substr(0, space))}, line.substr(space + 1)};
}

}  // namespace wspd::testing
