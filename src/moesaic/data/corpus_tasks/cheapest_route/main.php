<?php

declare(strict_types=1);

function cheapestRoute(array $roads, string $start, string $goal): int
{
    $open = new SplPriorityQueue();
    $open->setExtractFlags(SplPriorityQueue::EXTR_BOTH);
    $open->insert($start, 0);
    $finished = [];
    while (!$open->isEmpty()) {
        ['data' => $town, 'priority' => $priority] = $open->extract();
        if ($town === $goal) {
            return -$priority;
        }
        if (isset($finished[$town])) {
            continue;
        }
        $finished[$town] = true;
        foreach ($roads[$town] ?? [] as [$neighbor, $price]) {
            $open->insert($neighbor, $priority - $price);
        }
    }
    return -1;
}

[$start, $goal] = fscanf(STDIN, '%s %s');
$roads = [];
while ($road = fscanf(STDIN, '%s %s %d')) {
    [$first, $second, $price] = $road;
    $roads[$first][] = [$second, $price];
    $roads[$second][] = [$first, $price];
}
echo cheapestRoute($roads, $start, $goal), PHP_EOL;
