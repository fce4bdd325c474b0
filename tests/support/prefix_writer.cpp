// SPDX-License-Identifier: GPL-3.0-or-later
//
// A writer whose every past state is known, and the checker that tells whether
// some copy of its files is one of them.
//
// It writes 4 KiB blocks, one after the other, with O_DIRECT: write number s goes
// to file (s - 1) mod n, at a place and with bytes that follow from s alone. Each
// write returns before the next is issued, so a point-in-time copy of all files,
// on however many volumes, must equal the state after exactly k writes for one k:
// a write that is missing, torn or too new is found, and so is a pair of volumes
// that were not stopped at the same moment. Nothing of Dormouse is involved.
//
//   prefix_writer init MIB FILE...                 make the files (state 0)
//   prefix_writer run [--pause-us N] PROGRESS FILE...  go on from the state found, until SIGTERM
//   prefix_writer progress PROGRESS                print "acknowledged issued"
//   prefix_writer check [--min K] [--max K] FILE...  print k; exit 1 if there is none
//
// FILE may be DEVICE@OFFSET+BYTES: a range of a block device, whose file system
// knows nothing of the writes.
//
// PROGRESS is a small file (on a tmpfs) with the two counters: a snapshot taken
// between two looks at it must show a k from the first look's acknowledged to the
// second look's issued.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr size_t BlockBytes = 4096;
constexpr uint64_t Magic = 0x3152574550524f44; // "DORPEWR1"

struct alignas(BlockBytes) Block
{
    std::array<uint64_t, BlockBytes / 8> words;
};

struct Progress
{
    std::atomic<uint64_t> acknowledged;
    std::atomic<uint64_t> issued;
};

volatile sig_atomic_t stopAsked = 0;

[[noreturn]] void die(const std::string& what)
{
    std::fprintf(stderr, "prefix_writer: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(2);
}

/// splitmix64 (Steele, Lea, Flood 2014): a full-period mixer, the same everywhere.
uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

/// The bytes of `block` in file `file` once write `sequence` (0 = init) went there.
void fill(Block& out, uint64_t sequence, uint64_t file, uint64_t block)
{
    out.words = {Magic, sequence, file, block};
    for (size_t i = 4; i < out.words.size(); ++i)
        out.words[i] = mix(sequence * 1000003 + file * 7919 + block * 31 + (i << 40));
}

struct File
{
    std::string path;
    int fd = -1;
    uint64_t start = 0; // bytes into `path`
    uint64_t blocks = 0;

    [[nodiscard]] off_t at(uint64_t block) const
    {
        return static_cast<off_t>(start + block * BlockBytes);
    }
};

std::vector<File> openAll(char** paths, int count, int flags)
{
    std::vector<File> files;
    for (int i = 0; i < count; ++i) {
        File file{paths[i]};
        unsigned long long start = 0;
        unsigned long long bytes = 0;
        const size_t at = file.path.rfind('@');
        if (at != std::string::npos &&
            std::sscanf(paths[i] + at, "@%llu+%llu", &start, &bytes) == 2)
            file.path.resize(at);
        file.fd = open(file.path.c_str(), flags | O_CLOEXEC, 0644);
        if (file.fd < 0)
            die(file.path);
        struct stat status
        {
        };
        if (fstat(file.fd, &status) != 0)
            die(file.path);
        file.start = start;
        file.blocks = (bytes > 0 ? bytes : static_cast<uint64_t>(status.st_size)) / BlockBytes;
        files.push_back(file);
    }
    return files;
}

uint64_t placeOf(uint64_t sequence, const std::vector<File>& files)
{
    // Writes 1..n of a round go to the same place of each file, so that "A, then
    // B" can be followed from volume to volume.
    const uint64_t round = (sequence - 1) / files.size();
    return mix(round) % files.front().blocks;
}

struct Found
{
    bool consistent = true;
    uint64_t sequence = 0;
};

/// The state the files are in; what contradicts it is printed (the first few).
Found examine(const std::vector<File>& files)
{
    Found found;
    std::vector<std::vector<uint64_t>> seen(files.size());
    Block block{};
    for (size_t f = 0; f < files.size(); ++f) {
        seen[f].resize(files[f].blocks);
        for (uint64_t b = 0; b < files[f].blocks; ++b) {
            if (pread(files[f].fd, &block, BlockBytes, files[f].at(b)) !=
                static_cast<ssize_t>(BlockBytes))
                die(files[f].path);
            Block expected{};
            fill(expected, block.words[1], f, b);
            if (expected.words != block.words) {
                if (std::exchange(found.consistent, false))
                    std::fprintf(stderr, "%s: block %llu holds bytes that nobody wrote there\n",
                                 files[f].path.c_str(), static_cast<unsigned long long>(b));
                continue;
            }
            seen[f][b] = block.words[1];
            found.sequence = std::max(found.sequence, block.words[1]);
        }
    }
    std::vector<std::vector<uint64_t>> expected(files.size());
    for (size_t f = 0; f < files.size(); ++f)
        expected[f].assign(files[f].blocks, 0);
    for (uint64_t s = 1; s <= found.sequence; ++s)
        expected[(s - 1) % files.size()][placeOf(s, files)] = s;
    int shown = 0;
    for (size_t f = 0; f < files.size(); ++f) {
        for (uint64_t b = 0; b < files[f].blocks; ++b) {
            if (seen[f][b] == expected[f][b])
                continue;
            found.consistent = false;
            if (++shown <= 5)
                std::fprintf(stderr,
                             "%s: block %llu has write %llu, but write %llu is there and it should "
                             "have %llu\n",
                             files[f].path.c_str(), static_cast<unsigned long long>(b),
                             static_cast<unsigned long long>(seen[f][b]),
                             static_cast<unsigned long long>(found.sequence),
                             static_cast<unsigned long long>(expected[f][b]));
        }
    }
    return found;
}

int init(uint64_t mib, char** paths, int count)
{
    auto files = openAll(paths, count, O_RDWR | O_CREAT | O_TRUNC);
    for (size_t f = 0; f < files.size(); ++f) {
        Block block{};
        for (uint64_t b = 0; b < mib * 256; ++b) {
            fill(block, 0, f, b);
            if (write(files[f].fd, &block, BlockBytes) != static_cast<ssize_t>(BlockBytes))
                die(files[f].path);
        }
        if (fsync(files[f].fd) != 0)
            die(files[f].path);
    }
    return 0;
}

Progress* mapProgress(const char* path, bool create)
{
    const int fd = open(path, (create ? O_RDWR | O_CREAT : O_RDWR) | O_CLOEXEC, 0644);
    if (fd < 0 || (create && ftruncate(fd, sizeof(Progress)) != 0))
        die(path);
    void* memory = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        die(path);
    close(fd);
    return static_cast<Progress*>(memory);
}

int run(char** arguments, int count)
{
    useconds_t pauseUs = 0;
    if (count > 3 && std::string(arguments[0]) == "--pause-us") {
        pauseUs = static_cast<useconds_t>(std::strtoul(arguments[1], nullptr, 10));
        arguments += 2;
        count -= 2;
    }
    const char* progressPath = arguments[0];
    char** paths = arguments + 1;
    --count;
    auto files = openAll(paths, count, O_RDWR | O_DIRECT);
    const Found start = examine(files);
    if (!start.consistent)
        return 1;
    Progress* progress = mapProgress(progressPath, true);
    progress->acknowledged = start.sequence;
    progress->issued = start.sequence;
    std::signal(SIGTERM, [](int) { stopAsked = 1; });
    Block block{};
    for (uint64_t s = start.sequence + 1; stopAsked == 0; ++s) {
        const size_t f = (s - 1) % files.size();
        const uint64_t b = placeOf(s, files);
        fill(block, s, f, b);
        progress->issued = s;
        if (pwrite(files[f].fd, &block, BlockBytes, files[f].at(b)) !=
            static_cast<ssize_t>(BlockBytes))
            die(files[f].path);
        progress->acknowledged = s;
        if (pauseUs > 0)
            usleep(pauseUs);
    }
    return 0;
}

int check(char** arguments, int count)
{
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
    while (count > 2 && arguments[0][0] == '-') {
        const std::string option = arguments[0];
        if (option == "--min")
            least = std::strtoull(arguments[1], nullptr, 10);
        else if (option == "--max")
            most = std::strtoull(arguments[1], nullptr, 10);
        else
            return 2;
        arguments += 2;
        count -= 2;
    }
    const auto files = openAll(arguments, count, O_RDONLY);
    const Found found = examine(files);
    std::printf("%llu\n", static_cast<unsigned long long>(found.sequence));
    if (!found.consistent)
        return 1;
    if (found.sequence < least || found.sequence > most) {
        std::fprintf(stderr, "state %llu is not within %llu and %llu\n",
                     static_cast<unsigned long long>(found.sequence),
                     static_cast<unsigned long long>(least), static_cast<unsigned long long>(most));
        return 1;
    }
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "init" && argc > 3)
        return init(std::strtoull(argv[2], nullptr, 10), argv + 3, argc - 3);
    if (verb == "run" && argc > 3)
        return run(argv + 2, argc - 2);
    if (verb == "progress" && argc == 3) {
        const Progress* progress = mapProgress(argv[2], false);
        std::printf("%llu %llu\n", static_cast<unsigned long long>(progress->acknowledged.load()),
                    static_cast<unsigned long long>(progress->issued.load()));
        return 0;
    }
    if (verb == "check" && argc > 2)
        return check(argv + 2, argc - 2);
    std::fprintf(stderr,
                 "usage: prefix_writer init MIB FILE... | run [--pause-us N] PROGRESS FILE... | "
                 "progress PROGRESS | check [--min K] [--max K] FILE...\n");
    return 2;
}
