// SPDX-License-Identifier: GPL-3.0-or-later
// dormouse-store: reads the store of a volume without the kernel module.
#include "helper/snapshot/store_report.h"

#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

using namespace dormouse;

namespace {

constexpr int exitDamaged = 1;
constexpr int exitFailed = 2;

constexpr const char* usage =
    "usage: dormouse-store [options] COMMAND IMAGE [...]\n"
    "Reads the store of a volume from a disk image or a block device, without the\n"
    "kernel module. Writes nothing to it.\n"
    "\n"
    "  print IMAGE                  superblocks, epochs and all records\n"
    "  check IMAGE                  everything that is not as the format says\n"
    "  changes IMAGE EPOCH          the epoch's change map: offset and length in bytes\n"
    "  snapshot IMAGE EPOCH OUTPUT  the volume as it was when the epoch began\n"
    "\n"
    "  --offset BYTES        where the volume begins in the image (default 0)\n"
    "  --length BYTES        how long it is (default: to the end)\n"
    "  --store IMAGE         the device that the store lies on, if it is not on the volume\n"
    "  --store-offset BYTES  where that begins in its image (default 0)\n"
    "  --store-length BYTES  how long it is (default: to the end)\n"
    "  --superblock BYTES    where a superblock copy is; may be given twice\n"
    "                        (default: all of the volume, or of --store, is searched)\n"
    "  --force               snapshot: even if no durable snapshot lives\n"
    "  --json                machine-readable output\n"
    "\n"
    "Exit code: 0 sound, 1 damaged (check), 2 the command failed.\n";

struct Options
{
    std::uint64_t offsetBytes = 0;
    std::uint64_t lengthBytes = 0;
    std::string storePath; ///< empty: on the volume itself
    std::uint64_t storeOffsetBytes = 0;
    std::uint64_t storeLengthBytes = 0;
    std::vector<std::uint64_t> superblockOffsetsBytes;
    bool isForced = false;
    bool isJson = false;
    std::vector<std::string> words;
};

std::optional<std::uint64_t> parseNumber(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<Options> parseOptions(int argc, char** argv)
{
    enum { Offset = 1, Length, Store, StoreOffset, StoreLength, Superblock, Force, Json, Help };
    const option known[] = {
        {"offset", required_argument, nullptr, Offset},
        {"length", required_argument, nullptr, Length},
        {"store", required_argument, nullptr, Store},
        {"store-offset", required_argument, nullptr, StoreOffset},
        {"store-length", required_argument, nullptr, StoreLength},
        {"superblock", required_argument, nullptr, Superblock},
        {"force", no_argument, nullptr, Force},
        {"json", no_argument, nullptr, Json},
        {"help", no_argument, nullptr, Help},
        {nullptr, 0, nullptr, 0},
    };
    Options options;
    for (int which; (which = getopt_long(argc, argv, "h", known, nullptr)) != -1;) {
        const bool isNumber = optarg != nullptr && which != Store;
        const auto value = isNumber ? parseNumber(optarg) : std::optional<std::uint64_t>(0);
        if (!value)
            return std::nullopt;
        switch (which) {
        case Offset:
            options.offsetBytes = *value;
            break;
        case Length:
            options.lengthBytes = *value;
            break;
        case Store:
            options.storePath = optarg;
            break;
        case StoreOffset:
            options.storeOffsetBytes = *value;
            break;
        case StoreLength:
            options.storeLengthBytes = *value;
            break;
        case Superblock:
            options.superblockOffsetsBytes.push_back(*value);
            break;
        case Force:
            options.isForced = true;
            break;
        case Json:
            options.isJson = true;
            break;
        case Help:
        case 'h':
            options.words = {"help"};
            return options;
        default:
            return std::nullopt;
        }
    }
    options.words.assign(argv + optind, argv + argc);
    return options;
}

int failed(const Error& error)
{
    std::fprintf(stderr, "dormouse-store: %s\n", error.message.c_str());
    return exitFailed;
}

/// Whether everything reached the output: a report cut short by a full disk or
/// a closed pipe must not look like a good one.
bool put(const std::string& text)
{
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

/// Writes the image sparsely: what is zero stays a hole.
Result<void> writeSnapshot(const StoreReader& reader, std::uint64_t epoch, bool isForced,
                           const std::string& path)
{
    const UniqueFd output(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!output)
        return failErrno(path);
    if (ftruncate(output.get(), static_cast<off_t>(reader.super().volume_bytes)) != 0)
        return failErrno(path);
    auto written = reader.reconstruct(
        epoch, isForced, [&](std::uint64_t offsetBytes, ByteView bytes) -> Result<void> {
            constexpr std::size_t pieceBytes = 65536;
            for (std::size_t at = 0; at < bytes.size(); at += pieceBytes) {
                ByteView rest = bytes.subspan(at, std::min(pieceBytes, bytes.size() - at));
                if (std::all_of(rest.begin(), rest.end(), [](std::uint8_t b) { return b == 0; }))
                    continue;
                auto place = static_cast<off_t>(offsetBytes + at);
                while (!rest.empty()) {
                    const ssize_t count = pwrite(output.get(), rest.data(), rest.size(), place);
                    if (count < 0 && errno == EINTR)
                        continue;
                    if (count < 0)
                        return failErrno(path);
                    rest = rest.subspan(static_cast<std::size_t>(count));
                    place += count;
                }
            }
            return {};
        });
    if (written && fsync(output.get()) != 0)
        written = failErrno(path);
    if (!written)
        unlink(path.c_str()); // half an image would look like one
    return written;
}

int run(const Options& options)
{
    const auto& words = options.words;
    const std::string command = words.empty() ? "" : words[0];
    if (command == "help")
        return put(usage) ? 0 : exitFailed;
    const std::size_t expected = command == "print" || command == "check" ? 2
                                 : command == "changes"                   ? 3
                                 : command == "snapshot"                  ? 4
                                                                          : 0;
    const auto epoch = words.size() > 2 ? parseNumber(words[2]) : std::optional<std::uint64_t>(0);
    if (expected == 0 || words.size() != expected || !epoch) {
        std::fputs(usage, stderr);
        return exitFailed;
    }

    auto source = StoreSource::open(words[1], options.offsetBytes, options.lengthBytes);
    if (!source)
        return failed(source.error());
    std::optional<StoreSource> ground;
    if (!options.storePath.empty()) {
        auto opened = StoreSource::open(options.storePath, options.storeOffsetBytes,
                                        options.storeLengthBytes);
        if (!opened)
            return failed(opened.error());
        ground = std::move(*opened);
    }
    auto reader = StoreReader::open(std::move(*source), options.superblockOffsetsBytes,
                                    std::move(ground));
    if (!reader)
        return failed(reader.error());

    if (command == "print")
        return put(options.isJson ? storeAsJson(*reader) : storeAsText(*reader)) ? 0 : exitFailed;
    if (command == "check") {
        if (!put(options.isJson ? findingsAsJson(*reader) : findingsAsText(*reader)))
            return exitFailed;
        return reader->isDamaged() ? exitDamaged : 0;
    }
    if (command == "changes") {
        const auto extents = reader->changes(*epoch);
        if (!extents)
            return failed(extents.error());
        return put(options.isJson ? extentsAsJson(*extents) : extentsAsText(*extents)) ? 0
                                                                                       : exitFailed;
    }
    const auto written = writeSnapshot(*reader, *epoch, options.isForced, words[3]);
    return written ? 0 : failed(written.error());
}

} // namespace

int main(int argc, char** argv)
{
    const auto options = parseOptions(argc, argv);
    if (!options) {
        std::fputs(usage, stderr);
        return exitFailed;
    }
    return run(*options);
}
