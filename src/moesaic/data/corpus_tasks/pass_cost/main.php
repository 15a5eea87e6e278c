<?php

declare(strict_types=1);

function passCost(array $days, int $dayTicket, int $weekPass): int
{
    $costs = array_fill(0, count($days) + 1, 0);
    $next = count($days);
    for ($i = count($days) - 1; $i >= 0; $i--) {
        while ($days[$next - 1] >= $days[$i] + 7) {
            $next--;
        }
        $costs[$i] = min($costs[$i + 1] + $dayTicket, $costs[$next] + $weekPass);
    }
    return $costs[0];
}

[$dayTicket, $weekPass] = fscanf(STDIN, '%d %d');
$days = array_map(intval(...), explode(' ', fgets(STDIN)));
echo passCost($days, $dayTicket, $weekPass), PHP_EOL;
