<?php

declare(strict_types=1);

function firstRepeatedPage(array $links): array
{
    $visited = [];
    $page = 1;
    while (!isset($visited[$page])) {
        $visited[$page] = true;
        $page = $links[$page - 1];
    }
    return [$page, count($visited)];
}

$links = array_map(intval(...), explode(' ', fgets(STDIN)));
[$page, $clicks] = firstRepeatedPage($links);
echo "$page $clicks", PHP_EOL;
