// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/catalog/change_chain.h"

#include <QTest>

#include <random>

using namespace dormouse;

namespace {

using Indexes = std::vector<std::size_t>;

/// A history a <- b <- c <- ... as snapshots recorded it.
Predecessors lineOf(const std::vector<std::string>& epochs)
{
    Predecessors predecessors;
    for (std::size_t i = 0; i < epochs.size(); ++i)
        predecessors[epochs[i]] = i == 0 ? "" : epochs[i - 1];
    return predecessors;
}

} // namespace

class TestChangeChain : public QObject
{
    Q_OBJECT

private slots:
    void joinsNeighbours()
    {
        const std::vector<ChangeLink> links{{"b", "c"}, {"a", "b"}, {"c", "d"}};
        QCOMPARE(findChain(links, {}, "a", "d", false), (Indexes{1, 0, 2}));
        QCOMPARE(findChain(links, {}, "b", "c", false), (Indexes{0}));
        QCOMPARE(findChain(links, {}, "c", "c", false), Indexes{});
    }

    void aGapIsNotBridged()
    {
        const std::vector<ChangeLink> links{{"a", "b"}, {"c", "d"}};
        QVERIFY(!findChain(links, lineOf({"a", "b", "c", "d"}), "a", "d", false));
    }

    void timeDoesNotRunBackwards()
    {
        const std::vector<ChangeLink> links{{"a", "b"}, {"b", "c"}};
        QVERIFY(!findChain(links, lineOf({"a", "b", "c"}), "c", "a", false));
    }

    void aVoidLinkBreaksTheChainUnlessAnotherWayExists()
    {
        std::vector<ChangeLink> links{{"a", "b"}, {"b", "c", true}, {"c", "d"}};
        QVERIFY(!findChain(links, {}, "a", "d", false));
        QCOMPARE(findChain(links, {}, "a", "d", true), (Indexes{0, 1, 2}));
        links.push_back({"a", "c"});
        QCOMPARE(findChain(links, {}, "a", "d", false), (Indexes{3, 2}));
    }

    void aMergedLinkServesABeginningInItsMiddle()
    {
        const std::vector<ChangeLink> links{{"a", "d"}};
        QCOMPARE(findChain(links, lineOf({"a", "b", "c", "d"}), "b", "d", false), (Indexes{0}));
        QVERIFY(!findChain(links, {}, "b", "d", false)); // not without proof
    }

    void aMergedLinkDoesNotServeABeginningBeforeIt()
    {
        const std::vector<ChangeLink> links{{"b", "d"}};
        QVERIFY(!findChain(links, lineOf({"a", "b", "c", "d"}), "a", "d", false));
        Predecessors holed = lineOf({"a", "b", "c", "d"});
        holed["b"] = ""; // the walk back ends before it meets the link's beginning
        const std::vector<ChangeLink> fromA{{"a", "d"}};
        QVERIFY(!findChain(fromA, holed, "c", "d", false));
    }

    void aCycleOfCloneDisksEnds()
    {
        const std::vector<ChangeLink> links{{"a", "b"}, {"b", "a"}, {"b", "c"}};
        QVERIFY(!findChain(links, {}, "x", "c", false));
        const Predecessors cycle{{"a", "b"}, {"b", "a"}};
        QVERIFY(!findChain({{"x", "a"}}, cycle, "b", "a", false));
    }

    void pruningKeepsWhatTheSlowestNeeds()
    {
        const std::vector<ChangeLink> links{{"a", "b"}, {"b", "c"}, {"c", "d"}};
        QCOMPARE(linksNeeded(links, {}, {"b"}), (std::vector<bool>{false, true, true}));
        QCOMPARE(linksNeeded(links, {}, {"d", "c"}), (std::vector<bool>{false, false, true}));
        QCOMPARE(linksNeeded(links, {}, {}), (std::vector<bool>{false, false, false}));
        QCOMPARE(linksNeeded({{"a", "d"}}, lineOf({"a", "b", "c", "d"}), {"b"}),
                 (std::vector<bool>{true}));
    }

    void pruningNeverChangesAnAnswerThatIsStillAsked()
    {
        std::mt19937 random(5);
        for (int round = 0; round < 2000; ++round) {
            std::vector<std::string> epochs;
            for (int i = 0; i < 8; ++i)
                epochs.push_back(std::string(1, char('a' + i)));
            std::vector<ChangeLink> links;
            for (std::size_t i = 0; i + 1 < epochs.size(); ++i)
                for (std::size_t j = i + 1; j < epochs.size(); ++j)
                    if (random() % (2 * (j - i)) == 0)
                        links.push_back({epochs[i], epochs[j], random() % 8 == 0});
            auto predecessors = lineOf(epochs);
            for (const auto& epoch : epochs)
                if (random() % 6 == 0)
                    predecessors.erase(epoch);
            const auto start = epochs[random() % epochs.size()];
            const auto needed = linksNeeded(links, predecessors, {start});
            std::vector<ChangeLink> kept;
            for (std::size_t i = 0; i < links.size(); ++i)
                if (needed[i])
                    kept.push_back(links[i]);
            for (const auto& end : epochs)
                QCOMPARE(findChain(kept, predecessors, start, end, false).has_value(),
                         findChain(links, predecessors, start, end, false).has_value());
        }
    }
};

QTEST_GUILESS_MAIN(TestChangeChain)
#include "tst_change_chain.moc"
