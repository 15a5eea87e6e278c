<?php

declare(strict_types=1);

function widestGap(array $posts): array
{
    sort($posts);
    [$begin, $end] = $posts;
    for ($i = 1; $i < count($posts); $i++) {
        if ($posts[$i] - $posts[$i - 1] > $end - $begin) {
            [$begin, $end] = [$posts[$i - 1], $posts[$i]];
        }
    }
    return [$begin, $end];
}

$posts = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(' ', widestGap($posts)), PHP_EOL;
