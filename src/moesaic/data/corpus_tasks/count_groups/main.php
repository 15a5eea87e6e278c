<?php

declare(strict_types=1);

function leaderOf(array $leaders, int $person): int
{
    return $leaders[$person] === $person ? $person : leaderOf($leaders, $leaders[$person]);
}

function countGroups(int $people, iterable $friends): int
{
    $leaders = range(0, $people);
    $groups = $people;
    foreach ($friends as [$first, $second]) {
        $leader = leaderOf($leaders, $first);
        $other = leaderOf($leaders, $second);
        if ($leader !== $other) {
            $leaders[$leader] = $other;
            $groups--;
        }
    }
    return $groups;
}

$people = (int) fgets(STDIN);
$friends = [];
while (($line = fgets(STDIN)) !== false) {
    $friends[] = sscanf($line, '%d %d');
}
echo countGroups($people, $friends), PHP_EOL;
