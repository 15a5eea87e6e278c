<?php

declare(strict_types=1);

function canFormTwoTeams(int $players, array $rivals): bool
{
    $teams = [];
    foreach (range(1, $players) as $start) {
        if (isset($teams[$start])) {
            continue;
        }
        $teams[$start] = 1;
        $queue = [$start];
        while ($queue !== []) {
            $player = array_shift($queue);
            foreach ($rivals[$player] ?? [] as $rival) {
                if (!isset($teams[$rival])) {
                    $teams[$rival] = 3 - $teams[$player];
                    $queue[] = $rival;
                } elseif ($teams[$rival] === $teams[$player]) {
                    return false;
                }
            }
        }
    }
    return true;
}

$players = (int) fgets(STDIN);
$rivals = [];
while ($pair = fscanf(STDIN, '%d %d')) {
    [$first, $second] = $pair;
    $rivals[$first][] = $second;
    $rivals[$second][] = $first;
}
echo canFormTwoTeams($players, $rivals) ? 'yes' : 'no', PHP_EOL;
